#!/usr/bin/env bash
# Imports teams.csv and members.csv into the Registry, and prints a verdict for every row.
#
# Usage: import_teams.sh FOLDER --source NAME --code-date YYYY-MM-DD [--batch-file FILE]
#                        [--registry HOST:PORT] [--token-file FILE] [--authorities FILE] [--proto FOLDER]
#
#   --source       name of your system; ids in the files are keys in it
#   --code-date    the day whose commune codes the files use
#   --batch-file   keeps the name of an import that is not finished (import.batch)
#   --registry     where the Registry is (CDT_REGISTRY; 127.0.0.1:50051)
#   --token-file   file of the token that says who calls (CDT_TOKEN_FILE)
#   --authorities  PEM file, for TLS (CDT_AUTHORITIES)
#   --proto        the contract's folder (CDT_PROTO; proto)
#
# Broken off and run again, it goes on where it stopped; run again after the end, it changes nothing.
# Exit codes: 0 all rows are stored; 1 rows or the import were refused; 64 usage; 75 try again later.
# Needs buf, jq and sqlite3 (which reads CSV).
set -euo pipefail
usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit "$1"; }

folder='' source='' code_date='' batch_file=import.batch registry=${CDT_REGISTRY:-127.0.0.1:50051}
token_file=${CDT_TOKEN_FILE:-} authorities=${CDT_AUTHORITIES:-} proto=${CDT_PROTO:-proto}
while [ $# -gt 0 ]; do
    case $1 in
    --help) usage 0 ;;
    --source | --code-date | --batch-file | --registry | --token-file | --authorities | --proto)
        [ $# -gt 1 ] || usage 64 >&2
        name=${1#--}; printf -v "${name//-/_}" %s "$2"; shift 2 ;;
    -*) usage 64 >&2 ;;
    *) folder=$1; shift ;;
    esac
done
for given in "$folder" "$source" "$code_date"; do [ -n "$given" ] || usage 64 >&2; done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# METHOD: one call, request on standard input. Its exit status is the gRPC code, times 8.
call() {
    local options=(--protocol grpc --http2-prior-knowledge --schema "$scratch/contract.binpb" -d @-) scheme=http
    [ -z "$token_file" ] || options+=(-H "authorization: Bearer $(cat "$token_file")")
    [ -z "$authorities" ] || { options+=(--cacert "$authorities"); scheme=https; }
    buf curl "${options[@]}" "$scheme://$registry/$1" 2>"$scratch/error"
}

buf build "$proto" -o "$scratch/contract.binpb"

# What an error tells: its reason, every field at fault, and the same in Vietnamese.
explain() {
    jq -r '"\(.code): \(.message)"' "$scratch/error" 2>/dev/null || { cat "$scratch/error"; return; }
    jq -r '.details[]? | "\(.type) \(.value + "==="[:(4 - (.value | length) % 4) % 4])"' "$scratch/error" |
        while read -r type value; do
            base64 -d <<<"$value" |
                buf convert "$scratch/contract.binpb" --type "$type" --from -#format=binpb 2>/dev/null | jq -r '
                if .reason then "  reason \(.reason) (\(.domain)) \(.metadata // "")"
                elif .fieldViolations then .fieldViolations[] | "  field \(.field): \(.description)"
                elif .violations then .violations[] | "  \(.type // "") \(.subject): \(.description)"
                elif .locale then "  \(.locale): \(.message)" else empty end'
        done
}

# The messages of an import, one a line. Rows are numbered over both files, teams first: the same files give the same
# numbers, so it can go on. The words of the files become numbers of the contract's enums.
rows_after() {
    (cd "$folder" && sqlite3 -bail :memory: <<SQL)
.import --csv teams.csv team
.import --csv members.csv member
create table line (number integer primary key, content text);
insert into line (content) select json_object('team', json_object('externalId', team_id, 'displayName', name,
    'level', case level when 'xa' then 1 when 'thon' then 2 else level end, 'hamlet', hamlet,
    'established', established, 'communeCode', commune_code, 'provinceCode', province_code, 'decision',
    case decision when '' then null else json_object('number', decision, 'issuedOn', established) end)) from team;
insert into line (content) select json_object('member', json_object('externalId', member_id, 'teamExternalId', team_id,
    'role', case role when 'tổ trưởng' then 1 when 'tổ phó' then 2 when 'thành viên' then 3 else role end,
    'fullName', full_name, 'sex', case sex when 'nữ' then 1 when 'nam' then 2 when '' then 0 else sex end,
    'birth', birth_year, 'phones', case phone when '' then json_array() else json_array(phone) end, 'email', email,
    'occupation', case occupation when '' then 0 when 'cán bộ' then 1 when 'giáo viên' then 2 when 'công an viên' then 3
        when 'nhân viên y tế' then 4 when 'đoàn thể' then 5 when 'doanh nghiệp viễn thông – công nghệ thông tin' then 6
        when 'người dân có kỹ năng sử dụng công nghệ số' then 7 else occupation end,
    'organisations', case youth_union when '1' then json_array('Đoàn Thanh niên') else json_array() end)) from member;
select json_object('rows', json_object('rows', json_group_array(json(json_set(content, '\$.rowNumber', number)))))
    from (select * from line where number > $1 order by number) group by (number - 1) / 500;
SQL
}

teams=$(cd "$folder" && sqlite3 -bail :memory: '.import --csv teams.csv team' 'select count(*) from team')
# shellcheck disable=SC2016 # jq's variables
verdicts='.verdicts[]? | (.rowNumber | tonumber) as $n
    | (if $n <= $teams then "teams.csv:\($n + 1)" else "members.csv:\($n - $teams + 1)" end) as $place
    | "\($place)\t\(.outcome[12:])\t\(.name // "")",
    (.problems[]? | "\t\(.reason)\t\(.field)\t\(.description)")'
for wait in 1 5 20 0; do
    batch=$(cat "$batch_file" 2>/dev/null || true) after=0
    if [ -n "$batch" ]; then
        echo "$batch: going on" >&2
        jq -n --arg name "$batch" '$ARGS.named' | call cdt.registry.v1.ImportService/GetImportBatch >"$scratch/batch" ||
            { explain >&2; exit 1; }
        after=$(jq -r '.batch.lastRow // 0' "$scratch/batch")
        jq -c .batch.summary "$scratch/batch" >"$scratch/summary"
        # Their verdicts may have been lost with the stream; more than a thousand come by pages.
        jq -n --arg parent "$batch" '{pageSize: 1000, parent: $parent}' |
            call cdt.registry.v1.ImportService/ListImportProblems | jq -r --argjson teams "$teams" "$verdicts" || true
    fi
    rows_after "$after" >"$scratch/rows"
    jq -nc --arg source "$source" --arg date "$code_date" --arg batch "$batch" \
        '{header: {mode: "IMPORT_MODE_COMMIT", sourceSystem: $source, codeDate: $date, batch: $batch}}' |
        cat - "$scratch/rows" | call cdt.registry.v1.ImportService/ImportRows | jq -c --unbuffered . |
        while IFS= read -r answer; do
            # The batch's name is kept before any verdict, so that it can be gone on with.
            jq -r '.started.batch // empty' <<<"$answer" | { read -r name && echo "$name" >"$batch_file" || true; }
            jq -r --argjson teams "$teams" ".verdicts // {} | $verdicts" <<<"$answer"
            jq -c '.summary // empty' <<<"$answer" | tee -a "$scratch/summary" >&2
        done && { rm -f "$batch_file"; if grep -q rejected "$scratch/summary"; then exit 1; else exit 0; fi; }
    status=$?
    explain >&2
    [ $status = $((14 * 8)) ] || exit 1
    [ $wait != 0 ] || exit 75
    sleep $wait
done
