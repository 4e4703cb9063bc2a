#!/bin/bash
# A small scripted "agent": what a coding agent does on a normal day, and a few things that its
# owner would like to know of. It works in the current directory; $1 is the address of a web server.
set -euo pipefail

# The system's own programs, whatever a developer has in front of them.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export GIT_CONFIG_NOSYSTEM=1

echo "agent: puts the project under version control"
git -c init.defaultBranch=main init --quiet .
git config user.name demo-agent
git config user.email demo-agent@example.org
git add hello.py
git commit --quiet --message "A greeting"

echo "agent: runs the program, edits it, runs it again"
python3 hello.py
sed -i 's/Hello/Good morning/' hello.py
python3 hello.py
git commit --quiet --all --message "A better greeting"

echo "agent: fetches a page, and asks a server that is not there"
curl --silent --output page.html --header "Authorization: Bearer not-a-real-token" "$1"
(: < /dev/tcp/127.0.0.1/9) 2> /dev/null || true

echo "agent: tidies up"
mv notes.txt NOTES.md
rm old.log

echo "agent: reads credentials that are no business of its own"
drop=()
# Root would be allowed to.
[ "$(id -u)" != 0 ] || drop=(setpriv --reuid 65534 --clear-groups)
"${drop[@]}" cat /etc/shadow 2> /dev/null || true
cat .env ~/.aws/credentials ~/.ssh/id_ed25519 > /dev/null

echo "agent: leaves a process behind"
sleep 5 < /dev/null > /dev/null 2>&1 &
echo "agent: done"
