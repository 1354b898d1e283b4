# shellcheck shell=bash
# ./dev run: the main job on invented data of a real province, told step by step. Sourced by ./dev.

month=2024-10 month_end=2024-10-31 data_day=2024-10-01
source_system=demo

demonstration() {
    local national="" once="" keep="" base_port=50051 configuration=release
    while [ $# -gt 0 ]; do
        case "$1" in
            --national) national=1; shift ;;
            --once) once=1; shift ;;
            --keep) keep=1; shift ;;
            --base-port) base_port=${2:?--base-port needs a port}; shift 2 ;;
            --debug) configuration=debug; shift ;;
            *) die "run: unknown option $1; see ./dev help" ;;
        esac
    done
    SECONDS=0
    build_programs $configuration
    local folder=.local/run province=42 place="Tỉnh Hà Tĩnh" provinces=(--provinces 42)
    if [ -n "$national" ]; then folder=.local/run-national province=vn place="Việt Nam" provinces=(); fi
    [ -n "$keep" ] || rm -rf "$folder"
    mkdir -p "$folder"

    step "Starting a mail catcher, stand-ins for Zalo and an SMS gateway, and the four services (data in $folder)"
    start_mail_catcher "$folder/mail"
    start_providers "$folder/providers" $((base_port + 4))
    start_services "$folder" "$base_port"
    trap 'echo >&2; stop_services; exit 130' INT TERM
    export CDT_REGISTRY="127.0.0.1:$base_port" CDT_ACTIVITY="127.0.0.1:$((base_port + 1))"
    export CDT_FUNDING="127.0.0.1:$((base_port + 2))" CDT_NOTIFICATION="127.0.0.1:$((base_port + 3))"
    cdt health

    step "Generating $place as of $data_day (every person is invented)"
    cdt generate "$folder/data" --as-of $data_day "${provinces[@]}" --reports $month --check

    step "Importing teams and members over the wire"
    cdt import "$folder/data" --source $source_system --code-date $data_day
    cdt teams count "$province" --date $month_end

    step "Opening $month for reporting, and submitting the reports that came"
    cdt report open $month --wait
    cdt report submit-file "$folder/data/reports-$month.csv" --month $month --unit "$province" --source $source_system
    cdt report status "$province" --month $month --total

    step "Computing the allowances of $month"
    cdt fund run "$province" --month $month --wait

    step "Inviting the leaders of the commune teams by Zalo, and by SMS whoever has none"
    register_template
    cdt notify send "$province" --level commune --role leader --template templates/tap-huan \
        --parameter day=2024-11-20 --channel zalo-phone --channel sms
    tell_messages

    step "Reminding those who owe a report"
    cdt notify remind "$province" --month $month --wait
    tell_mail "$folder/mail"

    step "What happened in $place, $month"
    summary "$province"
    printf '\nDone in %d min %d s.\n' $((SECONDS / 60)) $((SECONDS % 60))
    [ -z "$once" ] || return 0
    examples "$province"
    wait_for_interrupt
}

cdt() { "$bin/cdt" "$@"; }

# Keeps every mail in a Maildir; sets where Notification sends.
start_mail_catcher() { # start_mail_catcher FOLDER
    python_environment
    mkdir -p "$1"
    start_helper "$1.log" '^listening on ' tools/mail-catcher "$1" 0
    notification_options=(--smtp-url "smtp://${helper_line#listening on }" --smtp-rate 1000
        --smtp-from 'Nhắc việc <nhac-viec@cdt.example>')
}

# Stand-ins that keep what they are given and call back, signed, as the real ones do. One person in ten has no Zalo.
start_providers() { # start_providers FOLDER CALLBACK_PORT
    local folder=$1 back=http://127.0.0.1:$2/callbacks token
    # What Zalo has once rotated is gone: each start has a first token of its own.
    token=demo-$$-$(date +%s)
    mkdir -p "$folder"
    printf secret >"$folder/secret"
    printf '%s' "$token" >"$folder/token"
    start_provider zalo "$folder" '{"app_id": "1", "app_secret": "secret", "oa_secret": "secret", "quiet": true,
        "deduplicate": true, "endings": [], "no_account": ["7"], "refresh_token": "'"$token"'", "callback_url": "'"$back/zalo"'"}'
    start_provider sms "$folder" '{"api_key": "secret", "secret_key": "secret", "brandname": "CDT", "quiet": true,
        "deduplicate": true, "endings": [], "callback_url": "'"$back/sms"'", "callback_secret": "secret"}'
    .local/venv/bin/python - "$folder" "${provider_url[zalo]}" "${provider_url[sms]}" <<'PY'
import json, sys
folder, zalo, sms = sys.argv[1:]
account = {"app_id": "1", "app_secret_file": "secret", "oa_secret_file": "secret", "refresh_token_file": "token",
           "rate_per_second": 200, "quiet_hours": "none", "business_url": zalo, "openapi_url": zalo, "oauth_url": zalo}
with open("examples/notification/sms-esms.json") as file:
    profile = json.load(file)
profile.update(url=sms + "/send", values={"brandname": "CDT"}, rate_per_second=200, quiet_hours="none",
               secrets={"api_key": "secret", "secret_key": "secret", "callback": "secret"},
               callback={"secret": "callback", "header": "X-Signature", "id": "RequestId", "message_id": "SMSID",
                         "status": "SendStatus", "statuses": {"5": "delivered", "7": "failed"}})
for name, value in (("zalo.json", {"accounts": [account]}), ("sms.json", profile)):
    with open(f"{folder}/{name}", "w") as file:
        json.dump(value, file)
PY
    notification_options+=(--zalo-accounts "$folder/zalo.json" --sms-profile "$folder/sms.json"
        --callback-listen "127.0.0.1:$2")
}

declare -A provider_url=()

start_provider() { # start_provider NAME FOLDER OPTIONS
    start_helper "$2/$1.log" '"port"' .local/venv/bin/python "Tests/Notification/Peers/$1_peer.py" "$3"
    provider_url[$1]=http://127.0.0.1:$(field 'answer["port"]' <<<"$helper_line")
}

# A template that stands for one registered with Zalo, and the same text for SMS. What --keep has kept has it already.
register_template() {
    .local/venv/bin/buf curl --protocol grpc --http2-prior-knowledge -d @- \
        "http://$CDT_NOTIFICATION/cdt.notification.v1.NotificationService/CreateTemplate" >/dev/null <<'JSON' || [ -n "$keep" ]
{"requestId": "0f4d7e3a-6d1c-4f2e-9c55-2f1f0a7d5b10", "template": {
  "name": "templates/tap-huan", "displayName": "Mời tập huấn",
  "parameters": [{"name": "recipient_name", "type": "PARAMETER_TYPE_TEXT"}, {"name": "day", "type": "PARAMETER_TYPE_DATE"}],
  "contents": [{"language": "LANGUAGE_VI",
    "zaloTemplate": {"providerTemplate": "310001", "parameters": [
      {"name": "ten", "text": "{{recipient_name}}", "maxLength": 60}, {"name": "ngay", "text": "{{day}}"}]},
    "sms": {"text": "Mời {{recipient_name}} dự tập huấn kỹ năng số ngày {{day}}."}}]}}
JSON
}

tell_messages() {
    local zalo sms
    zalo=$(taken_by zalo)
    sms=$(taken_by sms)
    echo "$zalo messages were taken by Zalo's stand-in, $sms by that of the SMS gateway"
}

taken_by() { # taken_by PROVIDER
    .local/venv/bin/python -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())' \
        "${provider_url[$1]}/_count"
}

tell_mail() { # tell_mail FOLDER
    local mails=("$1"/new/*)
    [ -e "${mails[0]}" ] || { echo "no mail has arrived in $1"; return 0; }
    echo "${#mails[@]} mails arrived in $1/new; the first of them:"
    .local/venv/bin/python - "${mails[0]}" <<'PY'
import email, email.policy, sys
mail = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
for header in ("From", "To", "Subject"):
    print(f"  {header}: {mail[header]}")
for line in mail.get_body(("plain",)).get_content().strip().splitlines():
    print("  " + line)
PY
}

summary() { # summary UNIT
    local today
    today=$(TZ=Asia/Ho_Chi_Minh date +%F)
    echo "Reports by unit, as the units were on $month_end:"
    cdt report status "$1" --month $month
    printf '\nThe same reports in the units of today (%s), the first ten:\n' "$today"
    cdt report status "$1" --month $month --tree-date "$today" | first_and_last 11 2
    printf '\nA code means something only with a date. Province 15:\n'
    for date in 2025-06-30 2025-07-01; do
        printf '  on %s  %s\n' $date "$(cdt units resolve 15 --date $date -o json | field 'answer["unit"]["displayName"]')"
    done
    printf '\nIn short:\n'
    cdt teams count "$1" --date $month_end -o json | field '"  {communeTeams} commune teams, {hamletTeams} hamlet teams, {people} people".format_map(answer)'
    cdt report status "$1" --month $month --total -o json | field \
        '"  {received} of {expected} reports received, {onTime} on time".format_map(answer["figures"])'
    cdt fund runs --limit 1 -o json | field '"  {:,} đồng due in all".format(int(answer["runs"][0]["amountDong"]))'
    cdt notify status -o json | field '"  reminders: " + answer["campaigns"][0]["name"] + " " + answer["campaigns"][0]["state"].removeprefix("CAMPAIGN_STATE_").lower()'
}

# The first and the last lines of a long table.
first_and_last() { # first_and_last FIRST LAST
    awk -v first="$1" -v last="$2" '{ line[NR] = $0 }
        END { for (i = 1; i <= NR; i++) if (i <= first || i > NR - last) print line[i]
                                        else if (i == first + 1) print "  …" }'
}

# Evaluates a Python expression over a JSON `answer`.
field() { # field EXPRESSION
    .local/venv/bin/python -c 'import json, sys; answer = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

examples() { # examples UNIT
    local first
    first=$(cdt teams list "$1" --date $month_end --level commune --limit 1 -o json | field 'answer["teams"][0]["name"]')
    step "The suite stays up until Ctrl-C. Try in another terminal:"
    cat <<TEXT
  export PATH=$bin:\$PATH CDT_REGISTRY=$CDT_REGISTRY CDT_ACTIVITY=$CDT_ACTIVITY \\
      CDT_FUNDING=$CDT_FUNDING CDT_NOTIFICATION=$CDT_NOTIFICATION

  cdt units search 'ky anh' --date $month_end
  cdt teams get $first --date $month_end
  cdt teams members $first --date $month_end
  cdt coverage $1 --level hamlet --date $month_end
  cdt report owed $1 --month $month --limit 10
  cdt fund entitlement $first --month $month --explain
  cdt notify channels

  $PWD/.local/venv/bin/buf curl --protocol grpc --http2-prior-knowledge \\
      -d '{"code": "15", "date": "2025-06-30"}' \\
      http://$CDT_REGISTRY/cdt.registry.v1.RegistryService/ResolveUnitCode

TEXT
    tell_ports
}
