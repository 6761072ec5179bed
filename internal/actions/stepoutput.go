package actions

import (
	"errors"
	"strconv"
	"strings"
	"sync"
)

// stepOutput reads what a step writes, line by line: commands are carried out, the rest is shown.
type stepOutput struct {
	f    *frame
	to   *effects
	env  map[string]string
	mu   sync.Mutex
	stop string // the word that ends stop-commands
	echo bool
	err  error // of a command that fails the step
}

var errUnsecure = errors.New("the commands set-env and add-path are refused, since any output could give them: write " +
	"to the files $GITHUB_ENV and $GITHUB_PATH (ACTIONS_ALLOW_UNSECURE_COMMANDS=true allows them)")

func (o *stepOutput) line(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	console := o.f.j.d.console
	c, ok := parseCommand(text)
	if o.stop != "" {
		if ok && c.name == o.stop {
			o.stop = ""
			return
		}
		console.line(text)
		return
	}
	if !ok || !o.obey(c) {
		for _, a := range o.f.j.d.matchers.look(text) {
			console.annotate(a)
		}
		console.line(text)
		return
	}
	if o.echo && c.name != "echo" && c.name != "add-mask" {
		console.line(text)
	}
}

// obey carries out a command; false says that there is none of that name.
func (o *stepOutput) obey(c command) bool {
	d := o.f.j.d
	switch c.name {
	case "debug":
		if d.debug {
			d.console.line("debug: " + c.data)
		}
	case "notice", "warning", "error":
		d.console.annotate(annotation(c))
	case "group":
		d.console.open(c.data)
	case "endgroup":
		d.console.shut()
	case "add-mask":
		if !d.console.hide(c.data) && strings.TrimSpace(c.data) != "" {
			d.console.line("warning: a value of fewer than 4 characters is not masked: it is found in ordinary text")
		}
	case "echo":
		o.echo = strings.EqualFold(strings.TrimSpace(c.data), "on")
	case "stop-commands":
		o.stop = strings.ToLower(strings.TrimSpace(c.data))
	case "add-matcher":
		if err := d.matchers.add(inside(o.f.j.workspace, strings.TrimSpace(c.data))); err != nil {
			d.console.annotate(Annotation{Level: "warning", Message: err.Error()})
		}
	case "remove-matcher":
		d.matchers.remove(c.properties["owner"])
	default:
		return o.old(c)
	}
	return true
}

// old carries out the commands that files have taken the place of.
func (o *stepOutput) old(c command) bool {
	d := o.f.j.d
	name := c.properties["name"]
	switch c.name {
	case "set-output", "save-state":
		if name == "" {
			o.err = errors.New("the command " + c.name + " has no name")
			return true
		}
		d.console.line("warning: the command " + c.name + " is old: write to $GITHUB_OUTPUT or $GITHUB_STATE")
		if c.name == "set-output" {
			o.to.outputs.Set(name, c.data)
		} else {
			o.to.state[name] = c.data
		}
	case "set-env", "add-path":
		if o.env["ACTIONS_ALLOW_UNSECURE_COMMANDS"] != "true" {
			o.err = errUnsecure
			return true
		}
		if c.name == "add-path" {
			o.f.j.path = append([]string{c.data}, o.f.j.path...)
			return true
		}
		if o.err = checkEnvironment([]pair{{name, c.data}}); o.err == nil {
			o.f.j.export(name, c.data)
		}
	default:
		return false
	}
	return true
}

func annotation(c command) Annotation {
	a := Annotation{Level: c.name, Message: c.data, Title: c.properties["title"], File: c.properties["file"]}
	a.Line, _ = strconv.Atoi(c.properties["line"])
	a.Column, _ = strconv.Atoi(c.properties["col"])
	return a
}
