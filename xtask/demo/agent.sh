#!/bin/bash
# A small scripted "agent": what a coding agent does on a normal day, in a directory of its own.
set -euo pipefail

work=$(mktemp -d "$PWD/work.XXXXXX")
trap 'kill "$server" 2> /dev/null || true; rm -rf "$work"' EXIT
cd "$work"
export HOME=$work GIT_CONFIG_NOSYSTEM=1

echo "agent: starts a project"
git -c init.defaultBranch=main init --quiet project
cd project
git config user.name demo-agent
git config user.email demo-agent@example.org
printf 'def greet(name):\n    return "Hello, " + name\n\nprint(greet("world"))\n' > hello.py
git add hello.py
git commit --quiet --message "A greeting"

echo "agent: runs and edits it"
python3 hello.py
sed -i 's/Hello/Good morning/' hello.py
python3 hello.py
git commit --quiet --all --message "A better greeting"

echo "agent: reads a credential that is no business of its own"
mkdir -p "$HOME/.aws"
printf '[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n' > "$HOME/.aws/credentials"
cat "$HOME/.aws/credentials" > /dev/null

echo "agent: talks to a server on this machine"
mkdir www
echo "the page" > www/index.html
python3 - www "$work/port" << 'PYTHON' &
import functools, http.server, os, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
handler = functools.partial(Handler, directory=sys.argv[1])
server = http.server.HTTPServer(("127.0.0.1", 0), handler)
with open(sys.argv[2] + ".new", "w") as port:
    port.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
PYTHON
server=$!
until [ -s "$work/port" ]; do sleep 0.1; done
curl --silent "http://127.0.0.1:$(cat "$work/port")/index.html"

echo "agent: cleans up"
mv hello.py greeting.py
rm --recursive www
echo "agent: done"
