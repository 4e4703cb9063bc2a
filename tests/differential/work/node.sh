# Node with child processes and worker threads.
node --unhandled-rejections=strict "$SCRIPTS/children.js"
