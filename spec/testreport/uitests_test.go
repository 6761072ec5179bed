package testreport

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const playwrightSample = `{"config":{"rootDir":"/w"},"suites":[{"title":"shop.spec.js","specs":[],"suites":[{"specs":[
	{"title":"shows the sum","tests":[{"projectName":"","status":"expected","results":[
		{"status":"passed","duration":1351,"errors":[],"attachments":[]}]}]},
	{"title":"takes a voucher","tests":[{"projectName":"phone","status":"unexpected","results":[
		{"status":"failed","duration":1564,"errors":[{"message":"first"}],
			"attachments":[{"name":"screenshot","contentType":"image/png","path":"/w/r/1.png"},{"name":"note","body":"aGk="}]},
		{"status":"failed","duration":436,"errors":[{"message":"\u001b[31mSum\u001b[39m 12"}],
			"attachments":[{"name":"trace","path":"/w/r/trace.zip"}]}]}]},
	{"title":"turns","tests":[{"status":"flaky","results":[
		{"status":"failed","errors":[{"message":"x"}],"attachments":[{"path":"/w/r/2.png"}]},{"status":"passed"}]}]},
	{"title":"hangs","tests":[{"status":"unexpected","results":[{"status":"timedOut","errors":[]}]}]},
	{"title":"later","tests":[{"status":"skipped","results":[]}]}],"title":"basket"}]}],
	"errors":[{"message":"no server"}]}`

func TestPlaywright(t *testing.T) {
	says(t, "PLAYWRIGHTJSON", playwrightSample,
		"SUCCEEDED |  | shop.spec.js | basket › shows the sum | 1.351s",
		`FAILED | phone | shop.spec.js | [phone] basket › takes a voucher | 2s | "Sum 12"`,
		"SUCCEEDED |  | shop.spec.js | basket › turns",
		`FAILED |  | shop.spec.js | basket › hangs | "The test timed out."`,
		"SKIPPED |  | shop.spec.js | basket › later",
		`ERROR |  | Playwright | the run | "no server"`)
	refuses(t, "PLAYWRIGHTJSON", `{"run":{}}`, "f:1:11: this is no Playwright report in JSON: it has no suites")
	leaves(t, "PLAYWRIGHTJSON", playwrightSample,
		"shop.spec.js | [phone] basket › takes a voucher | /w/r/1.png",
		"shop.spec.js | [phone] basket › takes a voucher | /w/r/trace.zip",
		"shop.spec.js | basket › turns | /w/r/2.png",
		"flaky: shop.spec.js | basket › turns")
}

// leaves checks which files the tests of a report have left, and which tests are flaky.
func leaves(t *testing.T, format, text string, want ...string) {
	t.Helper()
	var r Results
	if err := r.Add(format, "f", strings.NewReader(text)); err != nil {
		t.Error(err)
	}
	var got []string
	for _, a := range r.Attachments {
		got = append(got, a.Prefix+" | "+a.Name+" | "+a.Path)
	}
	for _, x := range r.Flaky {
		got = append(got, "flaky: "+x.Prefix+" | "+x.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", format, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestJUnitAttachments(t *testing.T) {
	long := strings.Repeat("x", 3*maxMessage)
	leaves(t, "JUNITXML", `<testsuite><testcase classname="c" name="fails"><failure message="m"/>
		<system-out>`+long+`<![CDATA[
[[ATTACHMENT|shots/1.png]] and [[ATTACHMENT|shots/2.png]]
[[ATTACHMENT|shots/1.png]]
[[ATTACHMENT|not
closed]] [[ATTACHMENT|]] [[ATTACHMENT|nested [[ATTACHMENT|a b.mp4]]
]]></system-out><system-err>[[ATTACHMENT|/abs/trace.zip]]</system-err>
		<properties><property name="attachment" value="p/3.png"/><property name="attachment">p/4.png</property>
		<property name="browser" value="x.png"/></properties></testcase>
		<testcase classname="c" name="turns"><flakyFailure message="once"/></testcase>
		<testcase classname="c" name="erred"><flakyError/><system-out>nothing</system-out></testcase></testsuite>`,
		"c | fails | shots/1.png", "c | fails | shots/2.png", "c | fails | nested [[ATTACHMENT|a b.mp4",
		"c | fails | a b.mp4", "c | fails | /abs/trace.zip",
		"c | fails | p/3.png", "c | fails | p/4.png", "flaky: c | turns", "flaky: c | erred")
}

func TestAttachmentsAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("<testsuite>")
	for i := range MaxAttachments {
		fmt.Fprintf(&b, "<testcase name='%d'><system-out>", i)
		for k := range 2 * maxOfCase {
			fmt.Fprintf(&b, "[[ATTACHMENT|%d-%d]] ", i, k)
		}
		b.WriteString("</system-out></testcase>")
	}
	b.WriteString("</testsuite>")
	var r Results
	if err := r.Add("JUNITXML", "f", strings.NewReader(b.String())); err != nil {
		t.Fatal(err)
	}
	first := 0
	for _, a := range r.Attachments {
		if a.Name == "0" {
			first++
		}
	}
	if len(r.Attachments) != MaxAttachments || first != maxOfCase {
		t.Errorf("%d files are kept, %d of the first test", len(r.Attachments), first)
	}
}

const newmanSample = `{"collection":{"item":[{"name":"x"}]},"run":{"stats":{},"executions":[
	{"cursor":{"iteration":0},"item":{"name":"list"},"response":{"responseTime":40,"stream":{"data":[1,2]}},"assertions":[
		{"assertion":"status is 200","skipped":false},
		{"assertion":"is json","skipped":false,"error":{"name":"JSONError","message":"Unexpected token"}},
		{"assertion":"later","skipped":true}]},
	{"cursor":{"iteration":1},"item":{"name":"away"},
		"requestError":{"errno":-111,"code":"ECONNREFUSED","address":"127.0.0.1","port":1},
		"testScript":[{"error":{"name":"Error","message":"boom"}},{}]}]}}`

func TestNewman(t *testing.T) {
	says(t, "NEWMANJSON", newmanSample,
		"SUCCEEDED |  | list | request | 40ms",
		"SUCCEEDED |  | list | status is 200",
		`FAILED |  | list | is json | "JSONError: Unexpected token"`,
		"SKIPPED |  | list | later",
		`ERROR |  | away (iteration 1) | request | "the request got no answer\nECONNREFUSED 127.0.0.1:1"`,
		`ERROR |  | away (iteration 1) | test script | "Error: boom"`)
	refuses(t, "NEWMANJSON", `{}`, "f:1:3: this is no Newman report in JSON: it has no run.executions")
}

// In what --summary-export writes the thresholds say whether they were crossed; in handleSummary's data whether they
// held.
const (
	k6Export = `{"metrics":{"http_req_duration":{"avg":12.5,"p(95)":20.123456789,
		"thresholds":{"p(95)<10":true,"p(95)<500":false}}},
		"root_group":{"checks":{"top":{"name":"top","path":"::top","passes":3,"fails":0}},"groups":{"pay":{"checks":
		{"is 200":{"fails":2,"id":"a","name":"is 200","passes":4,"path":"::pay::is 200"}},"groups":{},"name":"pay"}},"name":""}}`
	k6Summary = `{"root_group":{"name":"","path":"","groups":[{"name":"pay","checks":[
		{"name":"is 200","path":"::pay::is 200","passes":4,"fails":2}]}],"checks":[]},"metrics":{"http_req_duration":
		{"type":"trend","values":{"avg":12.5},"thresholds":{"p(95)<10":{"ok":false},"p(95)<500":{"ok":true}}}}}`
)

func TestK6(t *testing.T) {
	says(t, "K6JSON", k6Export,
		`FAILED |  | http_req_duration | p(95)<10 | "avg=12.5, p(95)=20.1235"`,
		"SUCCEEDED |  | http_req_duration | p(95)<500",
		"SUCCEEDED |  |  | top",
		`FAILED |  | pay | is 200 | "2 of 6 failed"`)
	says(t, "K6JSON", k6Summary,
		`FAILED |  | pay | is 200 | "2 of 6 failed"`,
		`FAILED |  | http_req_duration | p(95)<10 | "avg=12.5"`,
		"SUCCEEDED |  | http_req_duration | p(95)<500")
	refuses(t, "K6JSON", `[]`, "f:1:2: this is no k6 summary in JSON: an object is expected, not an array")
}

func FuzzPlaywright(f *testing.F) { fuzz(f, "PLAYWRIGHTJSON", playwrightSample) }
func FuzzNewman(f *testing.F)     { fuzz(f, "NEWMANJSON", newmanSample) }
func FuzzK6(f *testing.F)         { fuzz(f, "K6JSON", k6Export, k6Summary) }
