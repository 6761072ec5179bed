package testreport

import (
	"strings"
	"testing"
)

const cloverSample = `<?xml version="1.0" encoding="UTF-8"?>
<coverage generated="1770113472" clover="4.4.1">
  <project timestamp="1770113472" name="shop">
    <metrics statements="4" coveredstatements="2"/>
    <package name="shop">
      <file name="Cart.java" path="/src/main/Cart.java">
        <class name="Cart"><metrics complexity="2"/></class>
        <line num="3" type="method" name="add" count="2"/>
        <line num="4" type="cond" truecount="2" falsecount="0"/>
        <line num="5" type="stmt" count="2"/>
        <line num="7" type="stmt" count="0"/>
        <metrics statements="2"/>
      </file>
    </package>
    <file name="src\legacy.php"><line num="1" type="stmt" count="0"/><line num="1" type="method" count="99999999999999999999"/></file>
    <file name="a.js" path="/src/a.js"><line num="2" count="1" type="cond" truecount="1" falsecount="3"/></file>
  </project>
</coverage>`

func TestClover(t *testing.T) {
	says(t, "CLOVERXML", cloverSample,
		"a.js covered 2 missed  branches 1 of 4",
		"main/Cart.java covered 3-5 missed 7 branches 1 of 2",
		"src/legacy.php covered 1 missed  branches 0 of 0")
	refuses(t, "CLOVERXML", "<coverage><project>\n<file name='a'><line num='x'/>",
		`f:2:31: this is no Clover report: "x" is no count`)
	refuses(t, "CLOVERXML", "<coverage><project><file><line num='1'/>",
		"f:1:26: this is no Clover report: a covered file has no name")
}

const coberturaSample = `<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>
<coverage version="7.4" timestamp="1770113472" lines-valid="4" lines-covered="2" line-rate="0.5" branch-rate="0.5">
  <sources><source>/src/lib</source></sources>
  <packages><package name="shop" line-rate="0.5">
    <classes>
      <class name="cart.py" filename="shop/cart.py" line-rate="0.5">
        <methods><method name="add"><lines><line number="2" hits="1"/></lines></method></methods>
        <lines>
          <line number="1" hits="1"/>
          <line number="2" hits="1" branch="true" condition-coverage="50% (1/2)" missing-branches="4"><conditions/></line>
          <line number="4" hits="0"/>
        </lines>
      </class>
      <class name="Inner" filename="shop/cart.py"><lines><line number="9" hits="0"/></lines></class>
    </classes>
  </package></packages>
</coverage>`

func TestCobertura(t *testing.T) {
	says(t, "COBERTURAXML", coberturaSample, "lib/shop/cart.py covered 1-2 missed 4,9 branches 1 of 2")
	const line = "<coverage><packages><package><classes><class filename='a'><lines><line "
	refuses(t, "COBERTURAXML", line+"number='0' hits='1'/>",
		"f:1:93: this is no Cobertura report: a line has the number 0; there may be 1000000 lines")
	refuses(t, "COBERTURAXML", line+"number='1' hits='1' condition-coverage='half'/>",
		"f:1:119: this is no Cobertura report: the condition-coverage \"half\" of line 1 is not like 50% (1/2)")
	refuses(t, "COBERTURAXML", line+"number='1' hits='1' condition-coverage='50% (3/2)'/>",
		"f:1:124: this is no Cobertura report: line 1 has 2 branches, and 3 of them were taken")
}

const jacocoSample = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="shop"><sessioninfo id="host-1" start="1" dump="2"/>
  <group name="web"><package name="com/shop/web"><sourcefile name="Page.java"><line nr="3" mi="4" ci="0" mb="0" cb="0"/></sourcefile></package></group>
  <package name="com/shop">
    <class name="com/shop/Cart" sourcefilename="Cart.java"><method name="add" desc="()V" line="3"><counter type="LINE" missed="1" covered="2"/></method></class>
    <sourcefile name="Cart.java">
      <line nr="3" mi="0" ci="3" mb="0" cb="0"/><line nr="4" mi="1" ci="2" mb="1" cb="3"/><line nr="6" mi="2" ci="0" mb="2" cb="0"/>
      <counter type="LINE" missed="1" covered="2"/>
    </sourcefile>
  </package>
  <counter type="LINE" missed="2" covered="2"/>
</report>`

func TestJaCoCo(t *testing.T) {
	says(t, "JACOCOXML", jacocoSample,
		"com/shop/Cart.java covered 3-4 missed 6 branches 3 of 6",
		"com/shop/web/Page.java covered  missed 3 branches 0 of 0")
	refuses(t, "JACOCOXML", "<report><package name='a'><sourcefile name='b'><line nr='1' ci='x'/>",
		`f:1:69: this is no JaCoCo report in XML: "x" is no count`)
}

const simplecovSample = `{
  "RSpec": {
    "coverage": {
      "/src/lib/cart.rb": {
        "lines": [1, 2, null, 0, "ignored", 0],
        "branches": {"[:if, 0, 2, 4, 6, 7]": {"[:then, 1, 3, 6, 3, 9]": 2, "[:else, 2, 5, 6, 5, 9]": 0}}
      },
      "/src/lib/old.rb": [null, 0, 1]
    },
    "timestamp": 1770113472
  },
  "Minitest": {"coverage": {"/src/lib/old.rb": [null, 3, 0]}, "timestamp": 1770113473}
}`

func TestSimpleCov(t *testing.T) {
	says(t, "SIMPLECOV", simplecovSample,
		"lib/cart.rb covered 1-2 missed 4,6 branches 1 of 2",
		"lib/old.rb covered 2-3 missed  branches 0 of 0")
	says(t, "SIMPLECOV", `{"meta":{"simplecov_version":"0.22"},"coverage":{"/src/a.rb":{"lines":[1,0],"branches":[
		{"type":"then","start_line":1,"end_line":1,"coverage":1,"inline":false},
		{"type":"else","start_line":1,"end_line":2,"coverage":0,"inline":false}]}},"groups":{}}`,
		"a.rb covered 1 missed 2 branches 1 of 2")
	refuses(t, "SIMPLECOV", `{"RSpec":{}}`, "f:1:13: this is no SimpleCov result in JSON: it has no member coverage")
	refuses(t, "SIMPLECOV", `{"RSpec":{"coverage":{"a":[`+"\n"+`true]}}}`,
		"f:2:5: this is no SimpleCov result in JSON: true is no count of line 1")
}

const lcovSample = `TN:unit
SF:/src/a.js
FN:1,add
FNDA:2,add
FNF:1
FNH:1
DA:1,2
DA:2,0,abcdef
BRDA:1,0,0,2
BRDA:1,0,1,-
BRF:2
BRH:1
LF:2
LH:1
end_of_record
TN:
SF:/src/a.js
DA:2,1
BRDA:1,0,0,1
BRDA:1,0,1,0
end_of_record
SF:lib/b.c
DA:7,0
end_of_record
`

func TestLCOV(t *testing.T) {
	says(t, "LCOV", lcovSample, "a.js covered 1-2 missed  branches 1 of 2", "lib/b.c covered  missed 7 branches 0 of 0")
	for text, want := range map[string]string{
		"hello\n":                      `f:1: this is no LCOV trace file: it begins with "hello", not with TN or SF`,
		"TN:\nDA:1,1\n":                "f:2: this is no LCOV trace file: DA:1,1 comes before the SF: of its file",
		"SF:a\nDA:1\n":                 "f:2: this is no LCOV trace file: DA:1 is not like DA:LINE,HITS",
		"SF:a\nDA:1,x\n":               `f:2: this is no LCOV trace file: "x" is no count`,
		"SF:a\nDA:1,1\n":               "f:3: this is no LCOV trace file: it ends before end_of_record of its last file",
		"SF:a\nSF:b\n":                 "f:2: this is no LCOV trace file: a file begins before end_of_record of the one before",
		"SF:a\nDA:2000000,1\n":         "f:2: this is no LCOV trace file: a line has the number 2000000; there may be 1000000 lines",
		"SF:a\nBRDA:1,1\n":             "f:2: this is no LCOV trace file: BRDA:1,1 is not like BRDA:LINE,BLOCK,BRANCH,TAKEN",
		"SF:\nDA:1,1\nend_of_record\n": "f:1: this is no LCOV trace file: a covered file has no name",
	} {
		refuses(t, "LCOV", text, want)
	}
}

const goSample = `mode: atomic
example.com/shop/cart.go:3.20,5.2 1 2
example.com/shop/cart.go:7.20,9.3 2 0
example.com/shop/cart.go:9.3,11.2 1 1
mode: set
example.com/shop/cart.go:7.20,9.3 2 0
example.com/shop/two words.go:1.1,1.9 1 0
`

func TestGoCover(t *testing.T) {
	says(t, "GOCOVER", goSample,
		"example.com/shop/cart.go covered 3-5,9-11 missed 7-8 branches 0 of 0",
		"example.com/shop/two words.go covered  missed 1 branches 0 of 0")
	for text, want := range map[string]string{
		"a.go:1.1,2.2 1 1\n":            `f:1: this is no Go coverage profile: it begins with "a.go:1.1,2.2 1 1", not with mode: set, count or atomic`,
		"mode: wild\n":                  `f:1: this is no Go coverage profile: there is no mode "wild"`,
		"mode: set\nx\n":                `f:2: this is no Go coverage profile: "x" is not like FILE:LINE.COLUMN,LINE.COLUMN STATEMENTS COUNT`,
		"mode: set\na:9.1,2.1 1 1\n":    "f:2: this is no Go coverage profile: lines 9 to 2 are not those of a block",
		"mode: set\na:1.1,2.1 1 many\n": `f:2: this is no Go coverage profile: "many" is no count`,
	} {
		refuses(t, "GOCOVER", text, want)
	}
}

func TestFilesOfAReportArePutTogether(t *testing.T) {
	r := Results{Source: "/src/"}
	for _, text := range []string{"SF:a.c\nDA:1,1\nDA:2,0\nend_of_record\n", "SF:/src/a.c\nDA:2,5\nDA:3,0\nend_of_record\n"} {
		if err := r.Add("lcov", "f", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	all := r.Coverage.Files()
	if len(all) != 1 || all[0].Path != "a.c" || all[0].Covered.String() != "1-2" || all[0].Missed.String() != "3" ||
		all[0].LinesCovered != 2 || all[0].LinesMissed != 1 {
		t.Errorf("%+v", all)
	}
}

func TestLines(t *testing.T) {
	l, err := ParseLines("3-5,9,11-12")
	if err != nil || l.String() != "3-5,9,11-12" {
		t.Fatalf("%v, %v", l, err)
	}
	for n := range 14 {
		want := n >= 3 && n <= 5 || n == 9 || n == 11 || n == 12
		if l.Has(n) != want {
			t.Errorf("Has(%d) = %v", n, !want)
		}
	}
	for _, text := range []string{"x", "5-3", "3,3", "0", "1-9999999", "1,", "-"} {
		if l, err := ParseLines(text); err == nil {
			t.Errorf("%q is read as %v", text, l)
		}
	}
}

func FuzzClover(f *testing.F)    { fuzz(f, "CLOVERXML", cloverSample) }
func FuzzCobertura(f *testing.F) { fuzz(f, "COBERTURAXML", coberturaSample) }
func FuzzJaCoCo(f *testing.F)    { fuzz(f, "JACOCOXML", jacocoSample) }
func FuzzSimpleCov(f *testing.F) { fuzz(f, "SIMPLECOV", simplecovSample) }
func FuzzLCOV(f *testing.F)      { fuzz(f, "LCOV", lcovSample) }
func FuzzGoCover(f *testing.F)   { fuzz(f, "GOCOVER", goSample) }
