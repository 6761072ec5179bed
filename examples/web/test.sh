#!/bin/sh
# Tests the page, and reports it as JUnit XML does. Ends with 1 if a test fails.
set -u
failure=""
grep -q '^Hello from version ' page.txt || failure='<failure message="the page greets nobody"/>'
printf '<testsuite name="page"><testcase classname="page" name="greets" time="0.01">%s</testcase></testsuite>\n' "$failure" > junit.xml
[ -z "$failure" ]
