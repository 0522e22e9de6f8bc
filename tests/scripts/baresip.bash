# shellcheck shell=bash
# Debian's baresip as a phone. Sourced after lib.bash; start_name_server must come first.

modules=$(dirname "$(find /usr/lib* -name account.so -path '*baresip/modules*' -print -quit 2>/dev/null)")

# Variables of the environment for every baresip, NAME=VALUE.
baresip_environment=()

# start_name_server: libre looks up no name without one.
start_name_server() {
    python3 "$here/dns.py" >"$work/dns.log" &
    pids+=($!)
    wait_for '^listening on ' "$work/dns.log" || fail "name server" "it does not listen" "$work/dns.log"
    dns=$(sed -n 's/^listening on //p' "$work/dns.log")
}

# start_baresip ACCOUNT [SETTING=VALUE...]: account "USER@DOMAIN;PARAMETERS"; settings of baresip's configuration, and
# variables of the environment. Its output in $phone_log, its pid in $phone.
phones=0
start_baresip() {
    local account=$1 dir setting variables=() listen=127.0.0.1:0
    shift
    phones=$((phones + 1))
    dir=$work/baresip$phones
    phone_log=$dir/log
    mkdir "$dir"
    printf '<sip:%s>;auth_pass=x%s\n' "${account%%;;*}" "${account#"${account%%;;*}"}" | sed 's/;;/;/' >"$dir/accounts"
    for setting in "$@"; do
        case $setting in
        SIPTLS_*) variables+=("$setting") ;;
        sip_listen=*) listen=${setting#*=} ;;
        *) printf '%s %s\n' "${setting%%=*}" "${setting#*=}" ;;
        esac
    done >"$dir/config"
    cat >>"$dir/config" <<END
sip_listen $listen
sip_transports tls
sip_trans_def tls
module_path $modules
module g711.so
module dtls_srtp.so
module_app account.so
dns_server 127.0.0.1:$dns
END
    env "${baresip_environment[@]}" "${variables[@]}" baresip -f "$dir" -4 -t 120 >"$phone_log" 2>&1 </dev/null &
    phone=$!
    pids+=("$phone")
}

# kill_baresip: told to end, it first unregisters, and waits long for an answer where there is none.
kill_baresip() {
    kill -KILL "$phone"
    wait "$phone" 2>/dev/null
}

# account DOMAIN: one that registers at $server.
account() {
    printf 'alice@%s:%s;transport=tls;;regint=60' "$1" "${server##*:}"
}
