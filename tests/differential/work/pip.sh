# Makes a wheel and installs it into a virtual environment, from which it runs and is removed.
mkdir -p wheel/tiny wheel/tiny-1.0.dist-info
cat > wheel/tiny/__init__.py <<'END'
def main():
    print("tiny runs")
END
cat > wheel/tiny-1.0.dist-info/METADATA <<'END'
Metadata-Version: 2.1
Name: tiny
Version: 1.0
END
cat > wheel/tiny-1.0.dist-info/WHEEL <<'END'
Wheel-Version: 1.0
Generator: by hand
Root-Is-Purelib: true
Tag: py3-none-any
END
cat > wheel/tiny-1.0.dist-info/entry_points.txt <<'END'
[console_scripts]
tiny = tiny:main
END
(
    cd wheel
    for file in tiny/* tiny-1.0.dist-info/*; do echo "$file,,"; done > names
    echo 'tiny-1.0.dist-info/RECORD,,' >> names
    mv names tiny-1.0.dist-info/RECORD
    python3 -m zipfile -c ../tiny-1.0-py3-none-any.whl tiny tiny-1.0.dist-info
)
python3 -m venv place
pip() { place/bin/python -m pip --isolated --quiet --disable-pip-version-check "$@"; }
pip install --no-cache-dir --no-index --no-deps ./tiny-1.0-py3-none-any.whl
[ "$(place/bin/tiny)" = "tiny runs" ]
pip install --no-cache-dir --no-index --no-deps --force-reinstall ./tiny-1.0-py3-none-any.whl
[ -x place/bin/tiny ]
