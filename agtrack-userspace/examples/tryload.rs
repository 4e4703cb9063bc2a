use agtrack::load::*;
fn main() {
    let c = match std::env::args().nth(1).as_deref() { Some("lsm") => BackendChoice::Lsm, Some("fentry") => BackendChoice::Fentry, Some("tp") => BackendChoice::Tracepoint, _ => BackendChoice::Auto };
    match load(c, Sizes::default()) {
        Ok(p) => { println!("{:?} {:?}", p.inventory.backend, p.inventory.passed_over); for h in &p.inventory.hooks { println!("{:3} {:18} {:30} {:?} {:?}", h.hook.id, h.hook.program, h.target, h.instructions, h.missing); } }
        Err(e) => { println!("{e:#}"); let mut e: Option<&dyn std::error::Error> = Some(e.as_ref()); while let Some(x) = e { println!("-- {x:?}"); e = x.source(); } std::process::exit(1) }
    }
}
