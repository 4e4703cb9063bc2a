# Packs a package and installs it: a command of its own, and a script that runs at installation.
mkdir -p package/bin
cat > package/package.json <<'END'
{"name": "tiny", "version": "1.0.0", "bin": {"tiny": "bin/tiny.js"},
 "scripts": {"postinstall": "echo installed > done"}}
END
cat > package/bin/tiny.js <<'END'
#!/usr/bin/env node
console.log("tiny runs");
END
chmod +x package/bin/tiny.js
tar -czf tiny-1.0.0.tgz package
mkdir user
cd user
echo '{"name": "user", "version": "1.0.0", "scripts": {"start": "tiny"}}' > package.json
quietly() {
    npm "$1" --offline --no-audit --no-fund --no-update-notifier --loglevel=error \
        --foreground-scripts "$2" > /dev/null
}
quietly install ../tiny-1.0.0.tgz
[ -e node_modules/tiny/done ]
[ "$(npm run --silent --no-update-notifier start)" = "tiny runs" ]
quietly uninstall tiny
[ ! -e node_modules/tiny ]
quietly install ../tiny-1.0.0.tgz
