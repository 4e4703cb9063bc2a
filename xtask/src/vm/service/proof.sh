#!/bin/bash
# What the package promises, in order, on a Debian with systemd that has never seen agtrack. Each
# function is a test; its output is shown. Goes on after a failure: what follows may say why.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 TERM=dumb
unset TESTED
journal=/var/lib/agtrack/journal
said=/run/proof-said
failures=/run/proof-failures
passed=0
failed=0
: > $failures

try() {
    # Not in a condition, where `set -e` would mean nothing.
    (
        set -euo pipefail
        "$1"
    ) > $said 2>&1
    status=$?
    if [ $status = 0 ]; then
        echo "test $1 ... ok"
        passed=$((passed + 1))
    else
        echo "test $1 ... FAILED"
        failed=$((failed + 1))
        {
            echo "---- $1 (status $status) ----"
            cat $said
            journalctl --no-pager --output=cat --unit=agtrack.service --lines=12
        } >> $failures
    fi
    sed 's/^/    /' $said
}

# await SECONDS COMMAND…: until it succeeds.
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            echo "still not so: $*"
            return 1
        fi
        sleep 0.2
    done
}

# fails COMMAND…: a mere `!` would excuse it from `set -e`, whatever came of it.
fails() {
    if "$@"; then return 1; fi
}

main_pid() { systemctl show --property=MainPID --value agtrack.service; }
restarts() { systemctl show --property=NRestarts --value agtrack.service; }
# count OPTIONS…: records of the journal that meet them.
count() { agtrack query --json "$@" 2> /dev/null | wc -l; }
more_than() { [ "$(count "${@:2}")" -gt "$1" ]; }
runs_anew() { [ "$(main_pid)" != 0 ] && [ "$(main_pid)" != "$1" ] && systemctl is-active --quiet agtrack.service; }

installed_it_is_enabled_and_running() {
    dpkg --install /proof/agtrack.deb
    systemctl is-enabled agtrack.service
    systemctl is-active agtrack.service
    systemctl show --property=StatusText --value agtrack.service
    dpkg --verify agtrack
}

the_unit_is_exposed_less_than_3() {
    systemd-analyze --no-pager security --threshold=29 agtrack.service > /run/exposure || {
        cat /run/exposure
        return 1
    }
    tail -n 1 /run/exposure
}

the_daemon_has_the_capabilities_of_its_unit_and_no_other() {
    grep Cap "/proc/$(main_pid)/status"
    # DAC_READ_SEARCH, NET_ADMIN, SYS_PTRACE, SYS_ADMIN, PERFMON, BPF
    grep -q 'CapEff:.000000c000281004' "/proc/$(main_pid)/status"
    grep -q 'CapBnd:.000000c000281004' "/proc/$(main_pid)/status"
}

an_agent_that_is_a_unit_is_recorded_after_a_reload() {
    sed 's/"code-assistant.service", "agent@\*.service"/"fake-agent.service"/' \
        /usr/share/doc/agtrack/examples/unit.toml > /etc/agtrack/agents.d/fake.toml
    agtrack config check
    systemctl reload agtrack.service
    systemctl show --property=StatusText --value agtrack.service
    systemd-run --unit=fake-agent /bin/bash -c '
        exec 3<> /dev/tcp/127.0.0.1/9
        while :; do
            echo secret > /root/written
            echo tick > /root/tick
            rm /root/tick
            sleep 2
        done'
    await 150 more_than 0 --path /root/written --action file.close
    await 150 more_than 0 --action net.connect --host 127.0.0.1
    await 150 more_than 3 --path /root/tick --action file.unlink
    agtrack query --path /root/written | tail -n 3
    agtrack query --host 127.0.0.1 | tail -n 1
    # A hash that is not there in time is left out: on a busy machine not the first has one.
    await 150 written_is_hashed
    agtrack query --path /root/written --json | grep '"binding":"cgroup"' > /dev/null
}

written_is_hashed() { agtrack query --path /root/written --action file.close --json | grep '"sha256":"'; }

killed_it_is_restarted_and_tells_what_the_kernel_recorded_meanwhile() {
    local before pid
    pid=$(main_pid)
    before=$(count --path /root/tick)
    kill -9 "$pid"
    await 150 runs_anew "$pid"
    await 150 more_than "$before" --path /root/tick
    echo "records of the agent: $before before, $(count --path /root/tick) now; restarts: $(restarts)"
    agtrack query --kind gap | grep unclean_stop | tail -n 1
    agtrack query --kind tamper | grep SIGKILL | tail -n 1
    nothing_is_missing
}

# The kernel recorded while no daemon ran, and the next one told it.
nothing_is_missing() {
    agtrack query --kind lifecycle --json | tail -n 1 | grep -o '"kept":{[^}]*}'
    fails sh -c "agtrack query --kind gap 2> /dev/null | grep -q not_recording"
}

# told NAME: a number on the kernel's command line.
told() { grep -o "\b$1=[0-9]*" /proc/cmdline | cut -d = -f 2; }
# as_agent SCRIPT ARGUMENTS…: in the agent's cgroup.
as_agent() {
    bash -c "echo \$\$ > /sys/fs/cgroup/system.slice/fake-agent.service/cgroup.procs; $1" as_agent "${@:2}"
}
# So many loops, each of which is some twenty records.
burst() {
    as_agent 'for ((at = 0; at < $1; at++)); do echo x > /root/burst; rm /root/burst; done' "$1"
}
journald_pid() { systemctl show --property=MainPID --value systemd-journald.service; }
journald_runs_anew() { [ "$(journald_pid)" != 0 ] && [ "$(journald_pid)" != "$1" ]; }
# journald_has LAST: all records from the first that it has to this one; says how many.
journald_has() {
    journalctl SYSLOG_IDENTIFIER=agtrack --output=json --output-fields=AGTRACK_SEQ |
        perl -ne 'BEGIN { $last = shift } /"AGTRACK_SEQ":"(\d+)"/ or next;
            $sent++; $seen{$1} = 1; $first = $1 if !$first || $1 < $first;
            END { @gone = grep { !$seen{$_} } $first .. $last;
                printf "records %d to %d: %d sent again, %d missing\n", $first, $last, $sent - keys %seen, 0 + @gone;
                exit(!$first || @gone > 0) }' "$1"
}

records_reach_journald_while_either_is_killed() {
    local pid journald last
    ROUNDS=$(told ROUNDS)
    LOOPS=$(told LOOPS)
    mkdir -p /etc/systemd/journald.conf.d
    # What it may keep; what is beyond goes, the oldest first.
    printf '[Journal]\nRuntimeMaxUse=800M\nSystemMaxUse=800M\n' > /etc/systemd/journald.conf.d/size.conf
    systemctl restart systemd-journald.service
    # The file is its owner's: the upgrade below keeps it.
    printf '\n[[sinks]]\nname = "host"\ntype = "journald"\n' >> /etc/agtrack/agtrack.toml
    systemctl restart agtrack.service
    for _ in $(seq "$ROUNDS"); do
        burst $((LOOPS / 2))
        pid=$(main_pid)
        kill -9 "$pid"
        burst $((LOOPS / 2))
        await 150 runs_anew "$pid"
        journald=$(journald_pid)
        kill -9 "$journald"
        await 150 journald_runs_anew "$journald"
    done
    last=$(tail -q -n 1 $journal/*.jsonl | perl -ne '/"seq":(\d+)/ and print "$1\n"' | sort -n | tail -n 1)
    [ "$last" -gt $((10 * ROUNDS * LOOPS)) ]
    await 600 journald_has "$last"
    journald_has "$last"
    agtrack sink list
}

a_recording_thread_that_stands_still_is_restarted() {
    local pid tid hung
    mkdir -p /run/systemd/system/agtrack.service.d
    printf '[Service]\nWatchdogSec=8\n' > /run/systemd/system/agtrack.service.d/watchdog.conf
    systemctl daemon-reload
    systemctl restart agtrack.service
    pid=$(main_pid)
    # That it is fed at all: it lives for longer than the watchdog waits.
    sleep 12
    [ "$(main_pid)" = "$pid" ]
    tid=$(grep -lx pipeline "/proc/$pid"/task/*/comm | cut -d / -f 5)
    # PTRACE_SEIZE, then PTRACE_INTERRUPT: that one thread stands still, all others run.
    perl -e 'my $t = $ARGV[0] + 0;
        syscall(101, 0x4206, $t, 0, 0) == 0 or die "seize: $!"; syscall(101, 0x4207, $t, 0, 0) == 0 or die "interrupt: $!";
        # Its stop, then its end (__WALL): one that nobody waits for keeps its process from ending.
        waitpid($t, 0x40000000) == $t or die "stop: $!"; waitpid($t, 0x40000000)' "$tid" &
    hung=$!
    await 150 runs_anew "$pid"
    wait "$hung"
    journalctl --no-pager --output=cat --unit=agtrack.service | grep -i watchdog | tail -n 2
    journalctl --no-pager --output=cat --unit=agtrack.service | grep -i 'watchdog timeout' > /dev/null
    rm -r /run/systemd/system/agtrack.service.d
    systemctl daemon-reload
    await 150 more_than "$(count --path /root/tick)" --path /root/tick
}

an_upgrade_keeps_configuration_and_journal() {
    local before pid first load loops
    echo '# changed by its owner' >> /etc/agtrack/agtrack.toml
    before=$(count --path /root/tick)
    pid=$(main_pid)
    first=$(perl -ne 'print if $. <= 50' $journal/*.jsonl | sha256sum)
    # Removes a file and makes it again all the while, and says at the end how often.
    as_agent 'until [ -e /run/upgraded ]; do echo x > /root/load; rm /root/load; : $((loops += 1)); done
        echo $loops > /run/loops' &
    load=$!
    await 150 more_than 0 --path /root/load --action file.unlink
    dpkg --install /proof/agtrack-next.deb
    touch /run/upgraded
    wait $load
    loops=$(cat /run/loops)
    await 150 more_than $((loops - 1)) --path /root/load --action file.unlink
    echo "removals before, in and after the upgrade: $(count --path /root/load --action file.unlink) of $loops"
    [ "$(count --path /root/load --action file.unlink)" = "$loops" ]
    dpkg-query --show agtrack
    runs_anew "$pid"
    tail -n 1 /etc/agtrack/agtrack.toml | grep -qx '# changed by its owner'
    [ -e /etc/agtrack/agents.d/fake.toml ]
    [ "$(perl -ne 'print if $. <= 50' $journal/*.jsonl | sha256sum)" = "$first" ]
    await 150 more_than "$before" --path /root/tick
    echo "records of the agent: $before before, $(count --path /root/tick) now"
    nothing_is_missing
    # Numbered without a hole, over all restarts.
    cat $journal/*.jsonl | perl -ne '/"seq":(\d+)/ or next; $1 == ++$n or die "hole at $1, not $n\n";
        END { print "$n records without a hole\n" }'
}

what_was_stopped_stays_stopped_at_an_upgrade() {
    systemctl stop agtrack.service
    dpkg --install --force-downgrade /proof/agtrack.deb
    fails systemctl is-active agtrack.service
    systemctl start agtrack.service
}

removed_it_is_stopped_and_leaves_what_is_its_owners() {
    local records
    records=$(cat $journal/*.jsonl | wc -l)
    dpkg --remove agtrack
    fails systemctl is-active agtrack.service
    fails systemctl is-enabled agtrack.service
    [ ! -e /usr/bin/agtrack ]
    [ -e /etc/agtrack/agtrack.toml ]
    [ -e /etc/agtrack/agents.d/fake.toml ]
    [ "$(cat $journal/*.jsonl | wc -l)" -ge "$records" ]
}

installed_again_it_runs_again_with_the_old_journal() {
    dpkg --install /proof/agtrack.deb
    systemctl is-enabled agtrack.service
    systemctl is-active agtrack.service
    [ "$(count --path /root/written)" -gt 0 ]
}

purged_nothing_is_left() {
    systemctl stop fake-agent.service
    dpkg --purge agtrack
    fails systemctl is-active agtrack.service
    systemctl daemon-reload
    # All that has its name, on every file system that lasts or holds pins of programs.
    find / /run /sys/fs/bpf -xdev -name '*agtrack*' -not -path '/proof/*' > /run/left
    cat /run/left
    [ ! -s /run/left ]
    [ "$(systemctl show --property=LoadState --value agtrack.service)" = not-found ]
    fails dpkg-query --show agtrack
}

stty -F /dev/ttyS1 -onlcr
echo "@@ kernel $(uname -r), $(systemctl --version | head -n 1)"
echo "@@ begin tests systemd"
try installed_it_is_enabled_and_running
try the_unit_is_exposed_less_than_3
try the_daemon_has_the_capabilities_of_its_unit_and_no_other
try an_agent_that_is_a_unit_is_recorded_after_a_reload
try killed_it_is_restarted_and_tells_what_the_kernel_recorded_meanwhile
try records_reach_journald_while_either_is_killed
try a_recording_thread_that_stands_still_is_restarted
try an_upgrade_keeps_configuration_and_journal
try what_was_stopped_stays_stopped_at_an_upgrade
try removed_it_is_stopped_and_leaves_what_is_its_owners
try installed_again_it_runs_again_with_the_old_journal
try purged_nothing_is_left
if [ $failed != 0 ]; then
    echo
    echo "failures:"
    echo
    cat $failures
fi
[ $failed = 0 ] && verdict=ok || verdict=FAILED
echo "test result: $verdict. $passed passed; $failed failed; 0 ignored; 0 measured; 0 filtered out"
[ $failed = 0 ]
echo "@@ end tests systemd $?"
echo "@@ done"
