//! What an agent's main programs may be called.

use super::*;

#[test]
fn main_programs_are_names_and_globs() {
    let what = "a main program is a name from the catalogue, or a glob of its file's name or path, as in \
                `claude`";
    check(
        "[[agents]]\nid = \"a\"\nusers = [7]\nprograms = [\"claude\", \"a/b\", \"[x\", \"\", \"/o/*\"]\n",
        &[
            &format!(
                "4:23: `agents[1].programs[2]`: \"a/b\" is a path that does not begin with `/`; {what}"
            ),
            &format!(
                "4:30: `agents[1].programs[3]`: \"[x\" is no glob (unclosed character class; missing \
                 ']'); {what}"
            ),
            &format!(
                "4:36: `agents[1].programs[4]`: \"\" is empty, too long or has a control character in \
                 it; {what}"
            ),
        ],
    );
    let text = "[[agents]]\nid = \"a\"\nprograms = [\"x\"]\n";
    let mistakes = parse(text).unwrap_err();
    assert!(mistakes[0].message.contains("recognised"), "{mistakes:?}");
    check(
        "[[agents]]\nid = \"a\"\nusers = [7]\nprograms = \"claude\"\n",
        &["4:12: `agents[1].programs` is a list: write `programs = [\"claude\"]`"],
    );
}
