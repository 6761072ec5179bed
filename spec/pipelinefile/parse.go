// Package pipelinefile reads pipeline files: the JSON (or YAML) that `aws codepipeline create-pipeline
// --cli-input-json` and --pipeline take and get-pipeline prints. It finds every error with its place. It also declares
// the types of actions that AWS provides.
package pipelinefile

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/spec/yamlfile"
)

type (
	// Error is one error of a file.
	Error = yamlfile.Error
	// Errors are all errors of a file, in its order.
	Errors = yamlfile.Errors
)

// Parse reads a pipeline file. An error is of the type Errors and has each error that was found.
func Parse(file string, text []byte) (*cp.PipelineDeclaration, error) {
	p := &parse{file: file}
	d := p.parse(text)
	if len(p.errors) > 0 {
		slices.SortStableFunc(p.errors, func(a, b Error) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return nil, p.errors
	}
	return d, nil
}

// Locate finds the place of a configuration value in a file that Parse has read: that of the action j of stage i, both
// counted from 0.
func Locate(file string, text []byte, i, j int, key string) yamlfile.Place {
	p := &parse{file: file}
	p.parse(text)
	if at := p.locate([]string{"stages", strconv.Itoa(i + 1), "actions", strconv.Itoa(j + 1), "configuration",
		key}); at != nil {
		return yamlfile.Place{Line: at.Line, Column: at.Column}
	}
	return yamlfile.Place{Line: 1, Column: 1}
}

type parse struct {
	file   string
	root   ast.Node // the pipeline's node
	errors Errors
}

func (p *parse) add(at *token.Position, format string, args ...any) {
	e := Error{File: p.file, Line: 1, Column: 1, Message: fmt.Sprintf(format, args...)}
	if at != nil {
		e.Line, e.Column = at.Line, at.Column
	}
	p.errors = append(p.errors, e)
}

func (p *parse) parse(text []byte) *cp.PipelineDeclaration {
	if trimmed := strings.TrimSpace(string(text)); strings.HasPrefix(trimmed, "{") && !json.Valid(text) {
		p.syntax(text)
		return nil
	}
	f, bad := yamlfile.Read(text)
	if bad != nil {
		p.errors = append(p.errors, Error{File: p.file, Line: bad.Line, Column: bad.Column, Message: bad.Message})
		return nil
	}
	if len(f.Docs) != 1 {
		p.add(nil, "the file must hold one pipeline, and holds %d documents", len(f.Docs))
		return nil
	}
	root, ok := fields(f.Docs[0])
	if !ok {
		p.add(start(f.Docs[0]), "a pipeline file must be an object")
		return nil
	}
	p.root = f.Docs[0]
	if _, is := root["Resources"]; is {
		p.add(start(p.root),
			"this is a CloudFormation template, not a pipeline: Slipway does not read templates yet; give the "+
				"structure that `aws codepipeline get-pipeline` prints")
		return nil
	}
	if inner, is := root["pipeline"]; is {
		p.root = inner.value
	}
	return p.declaration()
}

// syntax reports where a text is not valid JSON.
func (p *parse) syntax(text []byte) {
	var v any
	err := json.Unmarshal(text, &v)
	offset := int64(0)
	switch e := err.(type) {
	case *json.SyntaxError:
		offset = e.Offset
	case *json.UnmarshalTypeError:
		offset = e.Offset
	}
	before := string(text[:max(0, min(int(offset)-1, len(text)))])
	line := strings.Count(before, "\n") + 1
	column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
	message := strings.Replace(err.Error(), "invalid character", "unexpected character", 1)
	p.errors = append(p.errors,
		Error{File: p.file, Line: line, Column: column, Message: "the file is not valid JSON: " + message})
}

// declaration decodes the pipeline's node and checks it as CreatePipeline does.
func (p *parse) declaration() *cp.PipelineDeclaration {
	p.unknown(p.root, reflect.TypeFor[cp.PipelineDeclaration]())
	plain, err := p.plain(p.root, 0)
	if err != nil {
		return nil
	}
	text, err := json.Marshal(plain)
	if err != nil {
		p.add(start(p.root), "the pipeline cannot be read: %v", err)
		return nil
	}
	in := &cp.CreatePipelineInput{Pipeline: new(cp.PipelineDeclaration)}
	if err := json.Unmarshal(text, in.Pipeline); err != nil {
		var at *token.Position
		if e, ok := err.(*json.UnmarshalTypeError); ok {
			at = p.locate(strings.Split(e.Field, "."))
			p.add(at, "%s must be %s, not %s", e.Field, kind(e.Type), e.Value)
			return nil
		}
		p.add(at, "the pipeline cannot be read: %v", err)
		return nil
	}
	var c awsproto.Check
	in.Check(&c)
	for _, v := range c.Violations() {
		path := strings.Split(strings.TrimPrefix(v.Path, "pipeline."), ".")
		p.add(p.locate(path), "%s", v.Constraint)
	}
	for _, problem := range Check(in.Pipeline, AWS()) {
		p.add(p.locate(strings.Split(problem.Path, ".")), "%s", problem.Message)
	}
	return in.Pipeline
}

func kind(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Int32, reflect.Int64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// field is a member of an object in the file.
type field struct{ key, value ast.Node }

// fields returns the members of an object. It reports false for anything else.
func fields(n ast.Node) (map[string]field, bool) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		return nil, false
	}
	out := make(map[string]field, len(values))
	for _, v := range values {
		out[name(v.Key)] = field{v.Key, v.Value}
	}
	return out, true
}

func name(key ast.Node) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	return key.String()
}

func start(n ast.Node) *token.Position {
	if n == nil || n.GetToken() == nil {
		return nil
	}
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken().Position
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return m.Key.GetToken().Position
	}
	return n.GetToken().Position
}

// locate finds the place of a path in AWS's form (stages.1.member.name). Where that is missing, it is the place of the
// nearest parent that is there.
func (p *parse) locate(path []string) *token.Position {
	n, at := p.root, start(p.root)
	for _, step := range path {
		if step == "member" {
			continue
		}
		if list, ok := n.(*ast.SequenceNode); ok {
			i, err := strconv.Atoi(step)
			if err != nil || i < 1 || i > len(list.Values) {
				return at
			}
			n = list.Values[i-1]
			at = start(n)
			continue
		}
		members, ok := fields(n)
		f, there := members[step]
		if !ok || !there {
			return at
		}
		n, at = f.value, f.key.GetToken().Position
	}
	return at
}

// plain turns nodes into what JSON can hold. Anchors and aliases are refused, as no pipeline needs them.
func (p *parse) plain(n ast.Node, depth int) (any, error) {
	if depth > yamlfile.MaxDepth {
		p.add(start(n), "the file is nested more than %d deep", yamlfile.MaxDepth)
		return nil, p.errors
	}
	if members, ok := fields(n); ok {
		out := make(map[string]any, len(members))
		for k, f := range members {
			v, err := p.plain(f.value, depth+1)
			if err != nil {
				return nil, err
			}
			out[k] = v
		}
		return out, nil
	}
	switch v := n.(type) {
	case *ast.SequenceNode:
		out := make([]any, len(v.Values))
		for i, e := range v.Values {
			x, err := p.plain(e, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	case *ast.NullNode:
		return nil, nil
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return v.Value.Value, nil
	case *ast.IntegerNode:
		return v.Value, nil
	case *ast.FloatNode:
		return v.Value, nil
	case *ast.BoolNode:
		return v.Value, nil
	}
	p.add(start(n), "%s is not understood in a pipeline file", n.Type())
	return nil, p.errors
}

// unknown reports members that the model does not have.
func (p *parse) unknown(n ast.Node, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		if list, ok := n.(*ast.SequenceNode); ok {
			for _, e := range list.Values {
				p.unknown(e, t.Elem())
			}
		}
	case reflect.Map:
		if members, ok := fields(n); ok {
			for _, f := range members {
				p.unknown(f.value, t.Elem())
			}
		}
	case reflect.Struct:
		members, ok := fields(n)
		if !ok {
			return
		}
		known := map[string]reflect.Type{}
		var keys []Key
		for i := range t.NumField() {
			tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			known[tag] = t.Field(i).Type
			keys = append(keys, Key{Name: tag})
		}
		for k, f := range members {
			if inner, ok := known[k]; ok {
				p.unknown(f.value, inner)
			} else {
				p.add(f.key.GetToken().Position, "unknown member %q%s", k, nearest(k, keys))
			}
		}
	}
}
