package testreport

import (
	"errors"
	"fmt"
	"strings"
)

// newman reads what Newman's reporter "json" writes of a run of a Postman collection. Each request is a test case that
// took as long as its answer; the assertions of its tests, and scripts that failed, are cases of their own.
func (f *file) newman() error {
	j := f.json()
	known := false
	executions := func() error {
		known = true
		return j.items(j.newmanExecution)
	}
	err := j.object(map[string]func() error{
		"run": func() error { return j.object(map[string]func() error{"executions": executions}) },
	})
	if err == nil && !known {
		err = errors.New("it has no run.executions")
	}
	if err != nil {
		return err
	}
	return j.end()
}

// newmanExecution reads what one request of the collection, in one iteration, came to.
func (j *jsonFile) newmanExecution() error {
	var item, iteration, took string
	request := testCase{name: "request", status: Succeeded}
	all := []testCase{}
	script := func(name string, keep func(testCase) error) func() error {
		return func() error { return j.items(func() error { return j.newmanScript(name, keep) }) }
	}
	keep := func(c testCase) error {
		if all = append(all, c); len(all) > maxPending {
			return fmt.Errorf("a request has more than %d assertions", maxPending)
		}
		return nil
	}
	err := j.object(map[string]func() error{
		"item":     func() error { return j.object(map[string]func() error{"name": j.into(&item)}) },
		"cursor":   func() error { return j.object(map[string]func() error{"iteration": j.into(&iteration)}) },
		"response": func() error { return j.object(map[string]func() error{"responseTime": j.into(&took)}) },
		"requestError": func() error {
			message, err := j.newmanRequestError()
			request.worsen(Error, message)
			return err
		},
		"assertions":       func() error { return j.items(func() error { return j.newmanAssertion(keep) }) },
		"testScript":       script("test script", keep),
		"prerequestScript": script("pre-request script", keep),
	})
	request.nanoseconds = milliseconds(took)
	for _, c := range append([]testCase{request}, all...) {
		c.prefix = item
		if iteration != "" && iteration != "0" {
			c.prefix += " (iteration " + iteration + ")"
		}
		j.add(c)
	}
	return err
}

// newmanRequestError reads why a request had no answer. Node's errors have a code and the address that they are of.
func (j *jsonFile) newmanRequestError() (string, error) {
	var message, code, address, port string
	err := j.object(map[string]func() error{
		"message": j.into(&message), "code": j.into(&code), "address": j.into(&address), "port": j.into(&port),
	})
	if address != "" && port != "" {
		address += ":" + port
	}
	if message == "" {
		message = strings.TrimSpace(code + " " + address)
	}
	return joined("the request got no answer", message), err
}

func (j *jsonFile) newmanAssertion(keep func(testCase) error) error {
	c := testCase{status: Succeeded}
	skipped := false
	err := j.object(map[string]func() error{
		"assertion": j.into(&c.name),
		"skipped":   j.flag(&skipped),
		"error": func() error {
			message, err := j.newmanError()
			c.worsen(Failed, message)
			return err
		},
	})
	if skipped {
		c.status, c.message = Skipped, ""
	}
	if err != nil {
		return err
	}
	return keep(c)
}

// newmanScript reads how a script ended: one that threw something is an error.
func (j *jsonFile) newmanScript(name string, keep func(testCase) error) error {
	return j.object(map[string]func() error{"error": func() error {
		message, err := j.newmanError()
		if err != nil || message == "" {
			return err
		}
		return keep(testCase{name: name, status: Error, message: message})
	}})
}

func (j *jsonFile) newmanError() (string, error) {
	var kind, message string
	err := j.object(map[string]func() error{"name": j.into(&kind), "message": j.into(&message)})
	if kind != "" && message != "" {
		message = kind + ": " + message
	}
	return message, err
}
