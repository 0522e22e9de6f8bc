#!/usr/bin/env bash
# The benchmark's reports: merging records, the bars, the page, the README's table, and what compare says. All figures
# here are made up.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

cd "$work" || exit 1
export PYTHONPYCACHEPREFIX=$work/compiled # it is compiled once
python=$(python_with json) || skip_all "python3 is not installed"
report() { timeout 60 "$python" "$source_dir/bench/report" "$@"; }

# --- records

# line SECTION CASE SUBJECT SIDE METRIC UNIT MEDIAN [LOW HIGH]
line() {
    printf '{"section":"%s","case":%s,"subject":"%s","peer":"%s","side":"%s","metric":"%s","unit":"%s","median":%s,"low":%s,"high":%s,"runs":5}\n' \
        "$1" "$2" "$3" "$3" "$4" "$5" "$6" "$7" "${8:-$7}" "${9:-$7}"
}
full='{"version":"1.3","key":"P-256","group":"X25519","kind":"full","mutual":false,"intermediates":1,"chain_memory":"warm"}'

# a_run SIPTLS-INSTRUCTIONS LOW-TIME HIGH-TIME RATE ALLOCATIONS: the records of a small run; raw takes 1000000 and 100 us.
a_run() {
    line handshake "$full" raw-openssl client instructions instructions 1000000
    line handshake "$full" siptls-openssl client instructions instructions "$1"
    line handshake "$full" raw-openssl client time us 100 95 105
    line handshake "$full" siptls-openssl client time us $((($2 + $3) / 2)) "$2" "$3"
    line scale '{"threads":1}' siptls-openssl server rate 1/s "$4" $(($4 - 10)) $(($4 + 10))
    line scale '{"threads":2}' siptls-openssl server rate 1/s $(($4 * 2)) $(($4 * 2 - 10)) $(($4 * 2 + 10))
    line messages '{"size":400}' siptls-openssl client own_allocations allocations "$5"
    line code '{"what":"client","part":"core","level":"O2"}' siptls-openssl "" text bytes 100000
}
printf '{"versions":{"siptls":"0.1","openssl":"3.0.17"},"build":{"flags":"-O2"},"quick":true}\n' >about

# merge NAME [ABOUT]: NAME.records become the report NAME/report.json.
merge() { report merge --out "$1" --about "${2:-about}" "$1.records" >"$1.table" 2>&1; }

a_run 780000 70 80 1000 0 >old.records
expect "merge" 0 'siptls, measured on .* \(quick\)' report merge --out old --about about old.records
cp "$out" old.table

# json NAME EXPRESSION EXPECTED: of the report as a Python value r.
json() {
    local got
    got=$("$python" -c 'import json, sys; r = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$json_of" "$2" 2>&1)
    if [ "$got" = "$3" ]; then pass "$1"; else fail "$1" "it is \"$got\", not \"$3\""; fi
}
bar() { printf '[b["%s"] for b in r["bars"] if b["what"].startswith("%s") and b["library"] == "openssl"]' "$2" "$1"; }
json_of=old/report.json
json "the report's format" 'r["format"]' 1
json "every record is kept" 'len(r["records"])' 8
json "the machine is told" 'sorted(r["machine"])' "['cores', 'cpu', 'kernel', 'memory', 'os']"
json "versions are told" 'r["versions"]["openssl"]' 3.0.17
json "a quick run is told" 'r["quick"]' True
json "a ratio to raw" "$(bar 'full TLS 1.3' value)" '[0.78]'
json "a bar that is met" "$(bar 'full TLS 1.3' met)" '[True]'
json "the bar of this version of the library" "$(bar 'full TLS 1.3' bar)" "['<= 0.80']"
json "a bar that is not measured is neither met nor missed" "$(bar 'resumed' met)" '[None]'
json "a bar of 0" "$(bar 'echo of 400 B: allocations' met)" '[True]'
json "a size in bytes" '[b["met"] for b in r["bars"] if b["what"].startswith("code of the core in")]' '[True, None, None]'

sed 's/3\.0\.17/3.5.1/' about >about35
cp old.records new.records
merge new about35
json_of=new/report.json
json "another version has another bar" "$(bar 'full TLS 1.3' bar)" "['<= 0.66']"
json "a bar that is missed" "$(bar 'full TLS 1.3' met)" '[False]'
json "a missed bar has a reason" "all(b['why'] for b in r['bars'] if b['met'] is False)" True
expect "the table marks what is missed" 0 '! 0\.78' cat new.table
expect "and tells by how much" 0 'OpenSSL 0\.78 \(by 0\.12\)' cat new.table

# --- bars, each on its own

# "NAME|BAR|VALUE|EXPECTED", each with a record and a rule of its own, in one report
verdicts=(
    "at most: less|<= 1.03|1.0|True"
    "at most: equal|<= 1.03|1.03|True"
    "at most: more|<= 1.03|1.04|False"
    "at most: what rounds to it|<= 1.03|1.0349|True"
    "at least: less|>= 5|4|False"
    "at least: more|>= 5|6|True"
    "exactly|= 0|0|True"
    "not exactly|= 0|1|False"
    "within|1.00 +- 0.03|0.97|True"
    "beyond|1.00 +- 0.03|1.04|False"
    "below|1.00 +- 0.03|0.96|False"
)
rules=
: >bar.records
for each in "${verdicts[@]}"; do
    IFS='|' read -r name limit value _ <<<"$each"
    line t "{\"name\":\"$name\"}" siptls-openssl "" time us "$value" >>bar.records
    rules+=$(printf '%s{"what":"%s","subject":"siptls-openssl","bar":"%s","of":{"section":"t","metric":"time","case":{"name":"%s"}}}' \
        "${rules:+,}" "$name" "$limit" "$name")
done
printf '{"figures":[],"bars":[%s]}' "$rules" >rules
report --rules rules merge --out bar bar.records >"$out" 2>&1
"$python" -c 'import json
for bar in json.load(open("bar/report.json"))["bars"]: print(bar["what"], bar["met"], sep="|")' >met 2>&1
for each in "${verdicts[@]}"; do
    if grep -qxF -e "${each%%|*}|${each##*|}" met; then pass "a bar, ${each%|*}"; else
        fail "a bar, ${each%|*}" "expected ${each##*|}" met
    fi
done
expect "no bar" 2 'is no bar' report --rules <(sed 's/1.00 +- 0.03/about 1/' rules) merge --out bar bar.records
{ line t '{"n":1}' siptls-openssl "" time us 1 && line t '{"n":2}' siptls-openssl "" time us 9; } >bar.records
printf '{"figures":[],"bars":[{"what":"it","subject":"siptls-openssl","bar":"<= 5","of":{"section":"t","metric":"time"}}]}' >rules
json_of=bar/report.json
report --rules rules merge --out bar bar.records >"$out" 2>&1
json "of several records the worst counts" "[b['value'] for b in r['bars']]" '[9]'

# --- input that cannot be used: a clear error, with file and line

# refused NAME LINE PATTERN: as the second line of records.
refused() {
    { line t '{}' siptls-openssl "" time us 1 && printf '%s\n' "$2"; } >bad.records
    expect "refused: $1" 2 "^bench/report: bad\.records:2: .*$3" report merge --out bad bad.records
    [ ! -e bad ] || fail "refused: $1" "it made a report all the same"
}
good=$(line t '{"n":2}' siptls-openssl "" time us 2 1 3)
refused "no JSON" '{"section":' 'no JSON'
refused "NaN" "${good/\"median\":2/\"median\":NaN}" 'NaN'
refused "infinity" "${good/\"high\":3/\"high\":1e999}" '"high" must be a number'
refused "a text for a number" "${good/\"median\":2/\"median\":\"2\"}" '"median" must be a number'
refused "no median" "${good/\"median\":2,/}" 'no "median"'
refused "no metric" "${good/\"metric\":\"time\",/}" 'no "metric"'
refused "no subject" "${good/siptls-openssl/}" '"subject" must be a text'
refused "no object" '[1]' 'a record is a JSON object'
refused "quartiles that do not hold the median" "${good/\"low\":1/\"low\":2.5}" 'not between the quartiles'
refused "no runs" "${good/\"runs\":5/\"runs\":0}" '"runs"'
refused "a case that is a list" "${good/\{\"n\":2\}/[]}" '"case" must be an object'
refused "the same twice" "$(line t '{}' siptls-openssl "" time us 1)" 'measured at bad\.records:1 already'
expect "refused: no records" 2 'no record in' report merge --out bad /dev/null
expect "refused: no such file" 2 'nothing: No such file' report merge --out bad nothing
sed 's/"format": 1/"format": 2/' old/report.json >other.json
expect "refused: a report of another format" 2 '^bench/report: other\.json: the report is of format 2' report show other.json
expect "refused: JSON that is no report" 2 'about: this is no report' report show about
sed 's/"median": 780000/"median": NaN/' old/report.json >nan.json
expect "refused: a report with NaN" 2 '^bench/report: nan\.json:[0-9]+: NaN' report show nan.json

# --- the table on the terminal

if [ "$(wc -L <old.table)" -gt 80 ]; then fail "80 columns" "a line is longer" old.table; else pass "80 columns"; fi
if grep -q $'\033' old.table; then fail "no colours in a file" "there are" old.table; else pass "no colours in a file"; fi
expect "what is not measured is said" 0 'The storm: not measured' cat old.table

# --- the page

hostile='<script>alert(1)</script>"&'"'"
{
    cat old.records
    printf '{"section":"handshake","case":%s,"subject":"raw-wolfssl","metric":"lacks","why":"no <b>such</b> thing"}\n' "$full"
    line peers '{"context":"shared"}' "${hostile//\"/\\\"}" client time us 100 90 110
    line peers '{"context":"shared"}' libevent client time us 110 | sed 's/,"metric"/,"note":"the program <b>verifies<\/b>"&/'
    line "storm" '{"kind":"<i>full"}' siptls-openssl server time us 100
} >page.records
printf '{"versions":{"siptls":"<u>1"},"build":{"flags":"<u>-O2\\u001b[31m"}}' >hostile
merge page hostile
if grep -q $'\033' page.table; then fail "no control characters from input" "there are" page.table; else
    pass "no control characters from input"
fi
cat >page.py <<'PYTHON'
import html.parser, re, sys

VOID = {"meta", "link", "br", "img", "hr", "input", "col"}
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.problems, self.ids, self.wanted, self.seen = [], [], [], [], {}
    def handle_starttag(self, tag, attributes):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name in ("aria-labelledby", "aria-describedby"):
            self.wanted += (attributes.get(name) or "").split()
        self.wanted += [value[1:] for name, value in attributes.items() if name == "href" and value.startswith("#")]
        self.problems += ["outside: %s=%s" % item for item in attributes.items()
                          if item[0] in ("src", "href") and not item[1].startswith("#") or item[0].startswith("on")]
        if tag == "svg" and attributes.get("role") == "img" and not attributes.get("aria-label"):
            self.problems.append("a picture says nothing to who does not see it")
        if tag not in VOID:
            self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append("</%s> at %s closes what is not open" % (tag, self.getpos()))

text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
page.problems += ["not closed: %s" % tag for tag in page.open]
page.problems += ["no such id: %s" % name for name in page.wanted if name not in page.ids]
page.problems += ["an id twice: %s" % name for name in set(page.ids) if page.ids.count(name) > 1]
page.problems += ["an element of the input: %s" % tag for tag in ("script", "b", "u", "link", "img", "iframe")
                  if tag in page.seen]
page.problems += re.findall(r"(?:https?:)?//\w[^ ]*|@import|url\(", text)
print("\n".join(page.problems) or "well-formed, %d figures" % page.seen.get("figure", 0))
sys.exit(bool(page.problems))
PYTHON
expect "the page is well-formed and needs no network" 0 'well-formed, [1-9]' "$python" page.py page/report.html
expect "so is a page with little in it" 0 'well-formed' "$python" page.py bar/report.html
expect "hostile names are escaped" 0 '&lt;script&gt;alert' grep -F '&lt;script&gt;' page/report.html
expect "what cannot be done is told" 0 'no &lt;b&gt;such' cat page/report.html
expect "what is to be known of figures is told" 0 'libevent: the program &lt;b&gt;verifies' cat page/report.html
expect "on the terminal, too" 0 'libevent: the program <b>verifies' cat page.table
expect "and kept" 0 '"note": "the program' cat page/report.json
expect "the page says what is not measured" 0 'Not measured in this run' cat old/report.html
expect "light and dark" 0 'prefers-color-scheme: dark' cat old/report.html
report html old/report.json >again.html
if cmp -s again.html old/report.html; then pass "the page can be made again of the report"; else
    fail "the page can be made again of the report" "it is another"
fi

# --- the README

# shellcheck disable=SC2016 # Markdown
printf 'before\n<!-- bench/run readme: begin -->\nold table\n<!-- bench/run readme: end -->\nafter\n' >README
expect "readme prints the table" 0 '^\| full TLS 1\.3 .*\| 0\.78 \|$' report readme old/report.json README
expect "readme writes it" 0 '^\| full TLS 1\.3 .*\| 0\.78 \|$' cat README
if [ "$(head -n 1 README)/$(tail -n 1 README)" = before/after ] && ! grep -q 'old table' README; then
    pass "readme changes nothing else"
else
    fail "readme changes nothing else" "it did" README
fi
expect "readme judges by the bars of now" 0 '^Of 1 bars .* 0 are met, 0 missed, 1 not measured' \
    report --rules rules readme old/report.json README
printf 'no markers\n' >README
expect "readme without markers" 2 '^bench/report: README: the line "<!-- bench/run readme: begin -->"' \
    report readme old/report.json README
[ "$(cat README)" = "no markers" ] || fail "readme without markers" "the file was changed" README

# --- compare

# compared NAME EXIT-CODE PATTERN RUN...: old beside a run of these figures.
compared() {
    local name=$1 code=$2 pattern=$3
    shift 3
    a_run "$@" >new.records
    merge new
    expect "compare: $name" "$code" "$pattern" report compare old/report.json new/report.json
}
compared "the same" 0 '^Worse: 0$' 780000 70 80 1000 0
compared "1 % more instructions is no difference" 0 '^Worse: 0$' 787000 70 80 1000 0
compared "2 % more instructions" 1 '\+2\.1 % +instructions: ' 796000 70 80 1000 0
compared "fewer instructions" 0 '^Better: 1$' 700000 70 80 1000 0
compared "more time, in overlapping ranges" 0 '^Worse: 0$' 780000 79 99 1000 0
compared "more time" 1 'time: 75 µs \(70 µs to 80 µs\), then 90 µs' 780000 81 99 1000 0
compared "less time" 0 '^Better: 1$' 780000 40 60 1000 0
compared "a lower rate" 1 '^Worse: 2$' 780000 70 80 500 0
compared "a higher rate" 0 '^Better: 2$' 780000 70 80 2000 0
compared "an allocation more" 1 'own allocations: 0, then 1' 780000 70 80 1000 1
compared "a bar that is missed now" 1 'Bars that were met and are missed now: 1' 780000 70 80 1000 1
expect "compare: the other way round" 0 '^Better: 1$' report compare new/report.json old/report.json
sed '/raw-openssl/s/"median":100,"low":95,"high":105/"median":200,"low":190,"high":210/' old.records >new.records
merge new
expect "compare: what is not siptls is told, and no regression of it" 0 'not siptls .* 1 figures are worse' \
    report compare old/report.json new/report.json
line other '{}' siptls-openssl "" time us 1 >new.records
merge new
expect "compare: nothing in common" 2 'no figure in common' report compare old/report.json new/report.json
cp old.records new.records
merge new about35
expect "compare: other versions are told, and their bars are not compared" 0 \
    'versions, openssl: 3\.0\.17, then 3\.5\.1' report compare old/report.json new/report.json

finish
