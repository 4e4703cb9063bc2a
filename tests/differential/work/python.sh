# Python with all its ways to be more than one.
python3 -B "$SCRIPTS/processes.py"
python3 -B "$SCRIPTS/threads.py"
