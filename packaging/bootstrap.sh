#!/bin/sh
# Makes .venv with everything that Hearth needs: `bootstrap.sh run` for using it, `bootstrap.sh dev`
# for working on it, `bootstrap.sh train` for training the starter model, `bootstrap.sh transformers`
# for testing the extra of that name. What the system lacks is named in one sentence with the command
# that installs it, and installed right away where the user is root on a Debian-like system.
set -eu
mode=${1:-run}
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
venv=.venv
stamp=$venv/.hearth-$mode

say() { printf '%s\n' "$*" >&2; }

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

updated=
need() { # need WHAT PACKAGE...: installs Debian packages, or says how and ends
    what=$1
    shift
    if can_install; then
        say "Hearth needs $what: installing $*."
        if [ -z "$updated" ]; then apt-get update -qq >/dev/null; updated=yes; fi
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    elif command -v apt-get >/dev/null 2>&1; then
        say "Hearth needs $what. Install it with: sudo apt-get install $*"
        exit 1
    elif command -v dnf >/dev/null 2>&1; then
        say "Hearth needs $what. Install it with dnf; Debian calls it: $*"
        exit 1
    elif [ "$(uname)" = Darwin ]; then
        say "Hearth needs $what. Install the command line tools with: xcode-select --install"
        exit 1
    else
        say "Hearth needs $what. Debian's packages for it are: $*"
        exit 1
    fi
}

find_python() {
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 && "$name" -c \
            'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

python=$(find_python)
if [ -z "$python" ]; then
    need "Python 3.11, 3.12 or 3.13" python3 python3-venv
    python=$(find_python)
    [ -n "$python" ] || { say "This system's Python is too old: get 3.11 or newer from python.org."; exit 1; }
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || need "Python's venv module" python3-venv
if ! command -v c++ >/dev/null 2>&1 && ! command -v g++ >/dev/null 2>&1 \
    && ! command -v clang++ >/dev/null 2>&1; then
    need "a C++ compiler, to build llama.cpp for this processor" g++
fi

if [ ! -x $venv/bin/python ] || ! $venv/bin/python -c pass 2>/dev/null; then
    rm -rf $venv
    "$python" -m venv $venv
fi
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    case $mode in
        run) what=. ;;
        train) what=".[dev,train]" ;;
        transformers) what=".[dev,transformers]" ;;
        *) what=".[dev]" ;;
    esac
    say "Installing Hearth into $venv. The first time, llama.cpp is built: about five minutes."
    $venv/bin/python -m pip install -q --disable-pip-version-check -e "$what" || {
        say "The installation failed: the lines above say why. Check the network and try again."
        exit 1
    }
    touch "$stamp"
fi

[ "$(uname)" = Linux ] || exit 0

# Qt loads these when the window opens; ldd tells which of them are missing.
plugins=$($venv/bin/python -c 'import PySide6, pathlib
print(pathlib.Path(PySide6.__file__).parent)')
missing=$(ldd "$plugins"/QtWidgets.abi3.so "$plugins"/QtSvg.abi3.so "$plugins"/QtNetwork.abi3.so \
    "$plugins"/Qt/plugins/platforms/libqxcb.so 2>/dev/null | awk '/not found/ {print $1}' | sort -u)
packages=
for library in $missing; do
    case $library in
        libEGL.so*) packages="$packages libegl1" ;;
        libGL.so*) packages="$packages libgl1" ;;
        libOpenGL.so*) packages="$packages libopengl0" ;;
        libGLX.so*) packages="$packages libglx0" ;;
        libX11-xcb.so*) packages="$packages libx11-xcb1" ;;
        libX11.so*) packages="$packages libx11-6" ;;
        libSM.so*) packages="$packages libsm6" ;;
        libICE.so*) packages="$packages libice6" ;;
        libdbus-1.so*) packages="$packages libdbus-1-3" ;;
        libfontconfig.so*) packages="$packages libfontconfig1" ;;
        libfreetype.so*) packages="$packages libfreetype6" ;;
        libglib-2.0.so* | libgthread-2.0.so*) packages="$packages libglib2.0-0" ;;
        libxkbcommon-x11.so*) packages="$packages libxkbcommon-x11-0" ;;
        libxkbcommon.so*) packages="$packages libxkbcommon0" ;;
        libxcb.so*) packages="$packages libxcb1" ;;
        libxcb-cursor.so*) packages="$packages libxcb-cursor0" ;;
        libxcb-icccm.so*) packages="$packages libxcb-icccm4" ;;
        libxcb-keysyms.so*) packages="$packages libxcb-keysyms1" ;;
        libxcb-*.so*) packages="$packages $(printf '%s' "$library" | sed 's/\.so\.\([0-9]*\).*/\1/')" ;;
        libz.so* | libzstd.so*) packages="$packages zlib1g libzstd1" ;;
        libgssapi_krb5.so*) packages="$packages libgssapi-krb5-2" ;;
        *) say "A library of Qt's is missing: $library" ;;
    esac
done
# shellcheck disable=SC2086 # a list of words
[ -z "$packages" ] || need "libraries of Qt's window system" $packages
if ! fc-list 2>/dev/null | grep -q .; then
    need "a font" fontconfig fonts-noto-core
fi
if [ "$mode" = dev ] && can_install; then
    command -v Xvfb >/dev/null 2>&1 && command -v xdotool >/dev/null 2>&1 \
        || need "a virtual screen for its tests" xvfb xdotool xauth
fi
