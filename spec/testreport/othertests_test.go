package testreport

import "testing"

const cucumberSample = `[
  {
    "uri": "features/cart.feature", "id": "cart", "keyword": "Feature", "name": "Cart", "line": 1, "tags": [],
    "elements": [
      {"keyword": "Background", "type": "background", "name": "", "line": 3, "steps": [
        {"keyword": "Given ", "name": "a shop", "line": 4, "result": {"status": "passed", "duration": 1000000}}]},
      {"id": "cart;adds", "keyword": "Scenario", "type": "scenario", "name": "adds an item",
        "before": [{"match": {"location": "Hooks.java:7"}, "result": {"status": "passed", "duration": 500000}}],
        "steps": [{"keyword": "When ", "name": "I add", "result": {"status": "passed", "duration": 2000000},
          "embeddings": [{"mime_type": "image/png", "data": "aGVsbG8="}]}]},
      {"keyword": "Background", "type": "background", "steps": [{"keyword": "Given ", "name": "a shop", "result": {"status": "passed", "duration": 1000000}}]},
      {"keyword": "Scenario", "type": "scenario", "name": "sums up", "steps": [
        {"keyword": "Then ", "name": "the total is 12", "result": {"status": "failed", "error_message": "expected 12\n  got 13", "duration": 3000000}},
        {"keyword": "And ", "name": "I pay", "result": {"status": "skipped"}}]},
      {"keyword": "Scenario", "type": "scenario", "name": "ships", "steps": [
        {"keyword": "Given ", "name": "a van", "result": {"status": "undefined"}}]},
      {"keyword": "Scenario", "type": "scenario", "name": "later", "steps": [
        {"keyword": "Given ", "name": "time", "result": {"status": "pending"}}]},
      {"keyword": "Scenario", "type": "scenario", "name": "empty", "steps": null}
    ]
  },
  {"keyword": "Feature", "name": "Nothing"}
]`

func TestCucumber(t *testing.T) {
	says(t, "CUCUMBERJSON", cucumberSample,
		"SUCCEEDED |  | Cart | adds an item | 3.5ms",
		`FAILED |  | Cart | sums up | 4ms | "Then the total is 12\nexpected 12\n  got 13"`,
		`ERROR |  | Cart | ships | "Given a van: the step is undefined"`,
		`SKIPPED |  | Cart | later | "Given time: pending"`,
		"UNKNOWN |  | Cart | empty")
	for text, want := range map[string]string{
		"{}":                   "f:1:2: this is no Cucumber report in JSON: an array is expected, not an object",
		"[\n{\"name\": tru]":   "f:2:10: this is no Cucumber report in JSON: invalid character ']' in literal true (expecting 'e')",
		"[\n{\"elements\": 3}": "f:2:15: this is no Cucumber report in JSON: an array is expected, not \"3\"",
		"[":                    "f:1:2: this is no Cucumber report in JSON: unexpected EOF",
		"[] []":                "f:1:5: this is no Cucumber report in JSON: an array comes after the end",
	} {
		refuses(t, "CUCUMBERJSON", text, want)
	}
}

const tapSample = `TAP version 14
# Subtest: cart
    ok 1 - adds
    not ok 2 - inner
    1..2
ok 1 - cart # time=12.5ms
not ok 2 - sums up
  ---
  message: expected 12
  at: cart.js:41
  ...
# Failed test 'sums up'
ok 3 - later # SKIP not yet
not ok 4 known \# 7 # TODO fix it
ok
1..5
`

func TestTAP(t *testing.T) {
	says(t, "TAP", tapSample,
		"SUCCEEDED |  |  | cart",
		`FAILED |  |  | sums up | "message: expected 12\n  at: cart.js:41\nFailed test 'sums up'"`,
		`SKIPPED |  |  | later | "not yet"`,
		`SKIPPED |  |  | known # 7 | "TODO fix it"`,
		"SUCCEEDED |  |  | test 5")
	says(t, "TAP", "1..3\nok 1 - a\nBail out! no database\n", "SUCCEEDED |  |  | a",
		`ERROR |  |  | Bail out! | "no database"`)
	says(t, "TAP", "1..0 # SKIP no tests here\n", "")
	refuses(t, "TAP", "1..3\nok 1\n", "f:3: this is no TAP output: the plan is of 3 tests, and the results of 1 are there")
	refuses(t, "TAP", "okay\nnothing\n", "f:3: this is no TAP output: it has no line like 1..N, ok or not ok")
	refuses(t, "TAP", "ok 1\n1..x\n", `f:2: this is no TAP output: "1..x" is no plan like 1..N`)
}

const gotestSample = `{"Time":"2026-02-03T10:11:12Z","Action":"start","Package":"shop"}
{"Action":"run","Package":"shop","Test":"TestAdd"}
{"Action":"output","Package":"shop","Test":"TestAdd","Output":"=== RUN   TestAdd\n"}
{"Action":"pass","Package":"shop","Test":"TestAdd","Elapsed":0.01}
{"Action":"output","Package":"shop","Test":"TestSum/12","Output":"    cart_test.go:41: got 13\n"}
{"Action":"output","Package":"shop","Test":"TestSum/12","Output":"    --- FAIL: TestSum/12 (0.00s)\n"}
{"Action":"fail","Package":"shop","Test":"TestSum/12","Elapsed":0.2}
{"Action":"skip","Package":"shop","Test":"TestLater","Elapsed":0}
{"Action":"fail","Package":"shop","Elapsed":0.3}
{"ImportPath":"shop/api","Action":"build-output","Output":"api.go:3: undefined: x\n"}
{"Action":"output","Package":"shop/api","Output":"FAIL\tshop/api [build failed]\n"}
{"Action":"fail","Package":"shop/api","Elapsed":0}
`

func TestGoTest(t *testing.T) {
	says(t, "GOTESTJSON", gotestSample,
		"SUCCEEDED | shop | shop | TestAdd | 10ms",
		`FAILED | shop | shop | TestSum/12 | 200ms | "cart_test.go:41: got 13"`,
		"SKIPPED | shop | shop | TestLater",
		`ERROR | shop/api | shop/api | (package) | "FAIL\tshop/api [build failed]"`)
	refuses(t, "GOTESTJSON", "{}\nFAIL\tshop\n",
		"f:2:1: this is no output of go test -json: invalid character 'F' looking for beginning of value")
	refuses(t, "GOTESTJSON", "[]", "f:1:2: this is no output of go test -json: an event is expected, not an array")
}

const sarifSample = `{
  "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
  "runs": [{
    "results": [
      {"ruleId": "G101", "level": "error", "message": {"text": "A password is in the source."},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/db.go"}, "region": {"startLine": 12, "startColumn": 3}}}]},
      {"ruleId": "G304", "message": {"text": "A path comes from outside."}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/open.go"}}}]},
      {"ruleId": "G999", "message": {"text": "Odd."}},
      {"ruleId": "G101", "level": "error", "suppressions": [{"kind": "inSource"}], "message": {"text": "Known."}},
      {"ruleId": "G102", "kind": "pass", "message": {"text": "Fine."}}
    ],
    "tool": {"driver": {"name": "gosec", "rules": [{"id": "G304", "defaultConfiguration": {"level": "error"}}]}}
  }]
}`

func TestSARIF(t *testing.T) {
	says(t, "SARIF", sarifSample,
		`FAILED | gosec | G101 | src/db.go:12 | "error\nA password is in the source."`,
		`FAILED | gosec | G304 | src/open.go | "error\nA path comes from outside."`,
		`UNKNOWN | gosec | G999 | G999 Odd. | "warning\nOdd."`,
		`SKIPPED | gosec | G101 | G101 Known. | "error\nKnown."`,
		`SUCCEEDED | gosec | G102 | G102 Fine. | "warning\nFine."`)
	refuses(t, "SARIF", "{\"version\": \"2.1.0\"}", "f:1:21: this is no SARIF log: it has no member runs")
}

func FuzzCucumber(f *testing.F) { fuzz(f, "CUCUMBERJSON", cucumberSample) }
func FuzzTAP(f *testing.F)      { fuzz(f, "TAP", tapSample) }
func FuzzGoTest(f *testing.F)   { fuzz(f, "GOTESTJSON", gotestSample) }
func FuzzSARIF(f *testing.F)    { fuzz(f, "SARIF", sarifSample) }
