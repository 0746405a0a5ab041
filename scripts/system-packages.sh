#!/usr/bin/env bash
# What tests use beside Python: a broker for MQTT, a browser with Chinese fonts for the pages, and an emulator of
# aarch64. On Debian and Ubuntu missing ones are installed; elsewhere, or without root, the tests that need them say what is missing.
#
#     bash scripts/system-packages.sh
set -euo pipefail
missing=()
command -v mosquitto >/dev/null || test -x /usr/sbin/mosquitto || missing+=(mosquitto)
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
fc-list :lang=zh 2>/dev/null | grep -q . || missing+=(fonts-noto-cjk)
command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static)
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing for some tests: ${missing[*]}"
    exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
