package testreport

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// trx reads the results of Visual Studio's test tools (dotnet test --logger trx). The classes of the tests come after
// their results, as the definitions of their IDs.
func (f *file) trx() error {
	x, _, err := f.xml("TestRun")
	if err != nil {
		return err
	}
	var all []trxCase
	classes := map[string]string{}
	err = x.each(map[string]func(xml.StartElement) error{
		"Results":         func(xml.StartElement) error { return x.trxResults(&all, 1) },
		"TestDefinitions": func(xml.StartElement) error { return x.trxDefinitions(classes) },
	})
	for _, c := range all { // also those of a file that is cut off
		if c.prefix = classes[c.id]; c.prefix != "" {
			c.name = strings.TrimPrefix(c.name, c.prefix+".")
		}
		f.add(c.testCase)
	}
	if err != nil {
		return err
	}
	return x.end()
}

// trxCase is a test case with the ID of its definition.
type trxCase struct {
	testCase
	id string
}

// trxResults reads results. Of one that has inner results, those of a test's rows of data, the inner ones count.
func (x *xmlFile) trxResults(all *[]trxCase, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("results nest deeper than %d", maxDepth)
	}
	return x.children(func(e xml.StartElement) error {
		if !strings.HasSuffix(e.Name.Local, "Result") && e.Name.Local != "TestResultAggregation" {
			return x.skip(nil)
		}
		c := trxCase{id: attribute(e, "testId"), testCase: testCase{name: attribute(e, "testName"),
			status: trxStatus(attribute(e, "outcome")), nanoseconds: clock(attribute(e, "duration"))}}
		before := len(*all)
		err := x.each(map[string]func(xml.StartElement) error{
			"Output": func(xml.StartElement) error {
				return x.each(map[string]func(xml.StartElement) error{
					"ErrorInfo": func(xml.StartElement) (err error) {
						c.message, err = x.texts("Message", "StackTrace")
						return err
					},
				})
			},
			"InnerResults": func(xml.StartElement) error { return x.trxResults(all, depth+1) },
		})
		if err == nil && len(*all) == before {
			if len(*all) == maxPending {
				return fmt.Errorf("it has more than %d results", maxPending)
			}
			*all = append(*all, c)
		}
		return err
	})
}

func trxStatus(outcome string) string {
	switch strings.ToLower(outcome) {
	case "passed", "passedbutrunaborted", "warning", "completed":
		return Succeeded
	case "failed":
		return Failed
	case "error", "timeout", "aborted", "notrunnable", "disconnected":
		return Error
	case "notexecuted", "ignored", "skipped":
		return Skipped
	}
	return Unknown
}

// trxDefinitions reads the class of each test.
func (x *xmlFile) trxDefinitions(classes map[string]string) error {
	return x.children(func(e xml.StartElement) error {
		id := attribute(e, "id")
		return x.each(map[string]func(xml.StartElement) error{"TestMethod": func(e xml.StartElement) error {
			// Older tools name the assembly behind the class.
			class, _, _ := strings.Cut(attribute(e, "className"), ",")
			classes[id] = class
			return x.skip(nil)
		}})
	})
}

// clock reads a duration like 00:01:02.0345678 in nanoseconds; 0 if it is none.
func clock(text string) int64 {
	total := int64(0)
	for _, part := range strings.SplitN(text, ":", 4) {
		total = total*60 + nanoseconds(part)
		if total > 1e18 {
			return 0
		}
	}
	return total
}
