package testreport

import "testing"

const nunit2Sample = `<?xml version="1.0" encoding="utf-8" standalone="no"?>
<test-results name="Shop.Tests.dll" total="4" errors="1" failures="1" not-run="1" date="2026-02-03" time="10:11:12">
  <environment nunit-version="2.6.4.14350" clr-version="2.0.50727" os-version="Unix"/>
  <test-suite type="Assembly" name="Shop.Tests.dll" executed="True" result="Failure" success="False" time="0.421">
    <results>
      <test-suite type="TestFixture" name="CartTests" executed="True" result="Failure" success="False" time="0.4">
        <results>
          <test-case name="Shop.Tests.CartTests.AddsItem" executed="True" result="Success" success="True" time="0.012" asserts="1"/>
          <test-case name="Shop.Tests.CartTests.Total(&quot;a.b&quot;,2)" executed="True" result="Failure" success="False" time="0.2">
            <failure>
              <message><![CDATA[  Expected: 12
  But was:  13]]></message>
              <stack-trace><![CDATA[at Shop.Tests.CartTests.Total() in CartTests.cs:line 41]]></stack-trace>
            </failure>
          </test-case>
          <test-case name="Shop.Tests.CartTests.Crash" executed="True" result="Error" success="False" time="0.001"><failure><message>NullReferenceException</message></failure></test-case>
          <test-case name="Shop.Tests.CartTests.Later" executed="False" result="Ignored"><reason><message>not yet</message></reason></test-case>
          <test-case name="Shop.Tests.CartTests.Odd" executed="True" result="Inconclusive" success="False"/>
        </results>
      </test-suite>
    </results>
  </test-suite>
</test-results>`

func TestNUnit2(t *testing.T) {
	says(t, "NUNITXML", nunit2Sample,
		"SUCCEEDED | CartTests | Shop.Tests.CartTests | AddsItem | 12ms",
		`FAILED | CartTests | Shop.Tests.CartTests | Total("a.b",2) | 200ms | "Expected: 12\n  But was:  13\nat Shop.Tests.CartTests.Total() in CartTests.cs:line 41"`,
		`ERROR | CartTests | Shop.Tests.CartTests | Crash | 1ms | "NullReferenceException"`,
		`SKIPPED | CartTests | Shop.Tests.CartTests | Later | "not yet"`,
		"UNKNOWN | CartTests | Shop.Tests.CartTests | Odd")
	refuses(t, "NUNITXML", "<test-run/>", "f:1:12: this is no NUnit 2 report: it begins with <test-run>, not with <test-results>")
	refuses(t, "NUNITXML", "<test-results>\n<test-suite>",
		"f:2:13: this is no NUnit 2 report: XML syntax error on line 2: unexpected EOF")
}

const nunit3Sample = `<?xml version="1.0" encoding="utf-8"?>
<test-run id="2" testcasecount="4" result="Failed" total="4" passed="1" failed="2" skipped="1" duration="0.61">
  <command-line><![CDATA[nunit3-console Shop.Tests.dll]]></command-line>
  <test-suite type="Assembly" id="0-1009" name="Shop.Tests.dll" fullname="/src/Shop.Tests.dll" result="Failed" duration="0.6">
    <test-suite type="TestFixture" id="0-1000" name="CartTests" fullname="Shop.Tests.CartTests" classname="Shop.Tests.CartTests" result="Failed">
      <test-case id="0-1001" name="AddsItem" fullname="Shop.Tests.CartTests.AddsItem" methodname="AddsItem" classname="Shop.Tests.CartTests" result="Passed" duration="0.0123"><output><![CDATA[hello]]></output></test-case>
      <test-case id="0-1002" name="Total(1,2)" fullname="Shop.Tests.CartTests.Total(1,2)" classname="Shop.Tests.CartTests" result="Failed" duration="0.2">
        <failure><message><![CDATA[Expected: 12]]></message><stack-trace><![CDATA[at Total()]]></stack-trace></failure>
      </test-case>
      <test-case id="0-1003" name="Crash" fullname="Shop.Tests.CartTests.Crash" result="Failed" label="Error" duration="0.1"><failure><message>boom</message></failure></test-case>
      <test-case id="0-1004" name="Later" fullname="Shop.Tests.CartTests.Later" classname="Shop.Tests.CartTests" result="Skipped" label="Ignored"><properties><property name="_SKIPREASON" value="not yet"/></properties><reason><message>not yet</message></reason></test-case>
      <test-case id="0-1005" name="Odd" classname="Shop.Tests.CartTests" result="Inconclusive"/>
    </test-suite>
  </test-suite>
</test-run>`

func TestNUnit3(t *testing.T) {
	says(t, "NUNIT3XML", nunit3Sample,
		"SUCCEEDED | CartTests | Shop.Tests.CartTests | AddsItem | 12.3ms",
		`FAILED | CartTests | Shop.Tests.CartTests | Total(1,2) | 200ms | "Expected: 12\nat Total()"`,
		`ERROR | CartTests | Shop.Tests.CartTests | Crash | 100ms | "boom"`,
		`SKIPPED | CartTests | Shop.Tests.CartTests | Later | "not yet"`,
		"UNKNOWN | CartTests | Shop.Tests.CartTests | Odd")
	refuses(t, "NUNIT3XML", "<test-results/>",
		"f:1:16: this is no NUnit 3 report: it begins with <test-results>, not with <test-run> or <test-suite>")
	refuses(t, "NUNIT3XML", "<test-run></test-run>\n<more/>",
		"f:2:8: this is no NUnit 3 report: <more> comes after the root's end")
}

const testngSample = `<?xml version="1.0" encoding="UTF-8"?>
<testng-results ignored="0" total="4" passed="1" failed="2" skipped="1">
  <reporter-output><line><![CDATA[started]]></line></reporter-output>
  <suite started-at="2026-02-03T10:11:12Z" name="Shop" finished-at="2026-02-03T10:11:13Z" duration-ms="1203">
    <groups><group name="fast"><method signature="x" name="addsItem" class="shop.CartTest"/></group></groups>
    <test name="unit" duration-ms="1100">
      <class name="shop.CartTest">
        <test-method is-config="true" signature="setUp()" name="setUp" duration-ms="5" status="PASS"/>
        <test-method signature="addsItem()" name="addsItem" duration-ms="12" status="PASS"/>
        <test-method signature="total(int)" name="total" duration-ms="200" status="FAIL">
          <params><param index="0"><value><![CDATA[12]]></value></param></params>
          <exception class="java.lang.AssertionError">
            <message><![CDATA[expected [12] but found [13]]]></message>
            <full-stacktrace><![CDATA[java.lang.AssertionError: expected [12] but found [13]
	at shop.CartTest.total(CartTest.java:41)]]></full-stacktrace>
          </exception>
        </test-method>
        <test-method name="later" duration-ms="0" status="SKIP"/>
        <test-method is-config="true" name="tearDown" duration-ms="1" status="FAIL"><exception class="java.io.IOException"/></test-method>
      </class>
    </test>
  </suite>
</testng-results>`

func TestTestNG(t *testing.T) {
	says(t, "TESTNGXML", testngSample,
		"SUCCEEDED | Shop / unit | shop.CartTest | addsItem | 12ms",
		`FAILED | Shop / unit | shop.CartTest | total | 200ms | "expected [12] but found [13]\njava.lang.AssertionError: expected [12] but found [13]\n\tat shop.CartTest.total(CartTest.java:41)"`,
		"SKIPPED | Shop / unit | shop.CartTest | later",
		`ERROR | Shop / unit | shop.CartTest | tearDown | 1ms | "java.io.IOException"`)
	refuses(t, "TESTNGXML", "<suite/>", "f:1:9: this is no TestNG report: it begins with <suite>, not with <testng-results>")
}

const trxSample = "\ufeff" + `<?xml version="1.0" encoding="utf-8"?>
<TestRun id="a1" name="build@host 2026-02-03" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
  <Times creation="2026-02-03T10:11:12.0000000+00:00"/>
  <Results>
    <UnitTestResult executionId="e1" testId="t1" testName="Shop.Tests.CartTests.AddsItem" duration="00:00:00.0120000" outcome="Passed"/>
    <UnitTestResult executionId="e2" testId="t2" testName="Total" duration="00:01:02.5000000" outcome="Failed">
      <Output><StdOut>noise</StdOut><ErrorInfo><Message>Assert.Equal() Failure</Message><StackTrace>at CartTests.Total() line 41</StackTrace></ErrorInfo></Output>
    </UnitTestResult>
    <UnitTestResult testId="t3" testName="Later" outcome="NotExecuted"/>
    <UnitTestResult testId="t4" testName="Slow" outcome="Timeout"/>
    <UnitTestResult testId="t5" testName="Rows" outcome="Failed">
      <InnerResults>
        <UnitTestResult testId="t5" testName="Rows (1)" outcome="Passed"/>
        <UnitTestResult testId="t5" testName="Rows (2)" outcome="Failed"><Output><ErrorInfo><Message>no</Message></ErrorInfo></Output></UnitTestResult>
      </InnerResults>
    </UnitTestResult>
  </Results>
  <TestDefinitions>
    <UnitTest name="AddsItem" id="t1"><Execution id="e1"/><TestMethod codeBase="/src/Shop.dll" className="Shop.Tests.CartTests" name="AddsItem"/></UnitTest>
    <UnitTest name="Total" id="t2"><TestMethod className="Shop.Tests.CartTests, Shop.Tests, Version=1.0" name="Total"/></UnitTest>
  </TestDefinitions>
  <ResultSummary outcome="Failed"><Counters total="6"/></ResultSummary>
</TestRun>`

func TestTRX(t *testing.T) {
	says(t, "VISUALSTUDIOTRX", trxSample,
		"SUCCEEDED |  | Shop.Tests.CartTests | AddsItem | 12ms",
		`FAILED |  | Shop.Tests.CartTests | Total | 1m2.5s | "Assert.Equal() Failure\nat CartTests.Total() line 41"`,
		"SKIPPED |  |  | Later",
		"ERROR |  |  | Slow",
		"SUCCEEDED |  |  | Rows (1)",
		`FAILED |  |  | Rows (2) | "no"`)
	refuses(t, "VISUALSTUDIOTRX", "<testsuites/>",
		"f:1:14: this is no Visual Studio TRX report: it begins with <testsuites>, not with <TestRun>")
}

func FuzzNUnit2(f *testing.F) { fuzz(f, "NUNITXML", nunit2Sample) }
func FuzzNUnit3(f *testing.F) { fuzz(f, "NUNIT3XML", nunit3Sample) }
func FuzzTestNG(f *testing.F) { fuzz(f, "TESTNGXML", testngSample) }
func FuzzTRX(f *testing.F)    { fuzz(f, "VISUALSTUDIOTRX", trxSample) }
