#!/bin/sh
# build.sh OUT: puts what a server needs into OUT: the API, its libraries, hooks and appspec.yml.
# LIBRARIES is a folder of requirements already installed; without it pip fetches the locked ones.
set -eu
out=$1
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}

rm -rf "$out"
mkdir -p "$out/lib"
cp -R "$here/shop_api" "$here/scripts" "$here/appspec.yml" "$out/"
find "$out/shop_api" -name __pycache__ -prune -exec rm -r {} +
if [ -n "${LIBRARIES:-}" ]; then
    cp -RL "$LIBRARIES/." "$out/lib/"
else
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        --only-binary :all: --target "$out/lib" --requirement "$here/requirements.txt"
fi
PYTHONPATH=$out/lib:$out "$python" -B -c 'import shop_api.__main__'
