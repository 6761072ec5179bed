package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/api"
	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
)

type apiCommand struct {
	client
	Service   string `arg:"" help:"codecommit, codebuild, codedeploy, codepipeline, elbv2, cloudwatch, logs, iam, sts or slipway."`
	Operation string `arg:"" help:"The operation, as AWS names it: CreatePipeline, or create-pipeline."`
	Input     string `arg:"" optional:"" help:"Its input: JSON, @FILE, or - for standard input."`
}

func (*apiCommand) Help() string {
	return "Names are AWS's; the answer is printed as it comes.\n\n" +
		"  slipway api codepipeline list-pipelines\n" +
		"  slipway api codebuild StartBuild '{\"projectName\": \"web\"}'\n" +
		"  slipway api codepipeline create-pipeline @pipeline.json"
}

func (c *apiCommand) Run(ctx context.Context) error {
	all := api.Services()
	i := slices.IndexFunc(all, func(s awsproto.Service) bool { return s.Info().Name == c.Service })
	if i < 0 {
		var names []string
		for _, s := range all {
			names = append(names, s.Info().Name)
		}
		return usage(
			"there is no service %q%s. There are codecommit, codebuild, codedeploy, codepipeline, elbv2, cloudwatch, "+
				"logs, iam, sts and slipway",
			c.Service,
			strings.TrimSuffix(meant(c.Service, names), "?"),
		)
	}
	input, err := c.input()
	if err != nil {
		return err
	}
	answer, err := c.ask(ctx, all[i], camel(c.Operation), input)
	if err != nil {
		return err
	}
	return printJSON(answer)
}

// ask calls an operation of any service, and returns its answer as it comes.
func (c client) ask(ctx context.Context, s awsproto.Service, operation string, input []byte) ([]byte, error) {
	at, err := serverAt(c.Endpoint)
	if err != nil {
		return nil, err
	}
	r, body, err := request(s.Info(), at, operation, input)
	if err != nil {
		return nil, err
	}
	k, err := keys()
	if err != nil {
		return nil, err
	}
	region := c.Region
	if region == "" {
		region = defaultRegion
	}
	k.Sign(r, sigv4.HexSHA256(body), region, s.Info().SigningName, time.Now())
	resp, err := http.DefaultClient.Do(r.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%s:%s: %w", s.Info().Name, operation, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = refusal(s, operation, resp.StatusCode, answer)
	}
	return answer, err
}

// operations are the names of a service's operations.
func operations(s awsproto.Service) []string {
	names := slices.Clone(s.Info().Others)
	for m := range reflect.TypeOf(s).Methods() {
		if m.Type.NumIn() == 3 && m.Type.NumOut() == 2 && strings.HasSuffix(m.Type.In(2).String(), "."+m.Name+"Input") {
			names = append(names, m.Name)
		}
	}
	return names
}

// refusal is a server's error answer to an operation, with its code and message.
func refusal(s awsproto.Service, operation string, status int, answer []byte) error {
	names := operations(s)
	if len(names) > 0 && !slices.Contains(names, operation) {
		return usage("%s has no operation %s%s", s.Info().Name, operation, meant(operation, names))
	}
	var said struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(answer, &said) // a Query service answers in XML
	code := exitFailed
	if said.Type != "" {
		code = answerCode(said.Type[strings.LastIndexByte(said.Type, '#')+1:], status)
	}
	return exit(code, fmt.Errorf("%s:%s answered %d: %s", s.Info().Name, operation, status, bytes.TrimSpace(answer)))
}

func printJSON(answer []byte) error {
	var pretty bytes.Buffer
	if json.Indent(&pretty, answer, "", "  ") != nil {
		pretty = *bytes.NewBuffer(answer) // a Query service answers in XML
	}
	if pretty.Len() > 0 {
		pretty.WriteByte('\n')
	}
	_, err := os.Stdout.Write(pretty.Bytes())
	return err
}

func (c *apiCommand) input() (text []byte, err error) {
	switch {
	case c.Input == "":
		return []byte("{}"), nil
	case c.Input == "-":
		text, err = io.ReadAll(os.Stdin)
	case strings.HasPrefix(c.Input, "@"):
		text, err = os.ReadFile(c.Input[1:])
	default:
		text = []byte(c.Input)
	}
	if err == nil && !json.Valid(text) {
		err = usage("the input is not valid JSON: %.100q", text)
	}
	return text, err
}

// camel makes CreatePipeline of create-pipeline.
func camel(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// request makes the unsigned request of an operation.
func request(info *awsproto.Info, endpoint, operation string, input []byte) (*http.Request, []byte, error) {
	body, contentType := input, "application/x-amz-json-1.1"
	form := info.Protocol == awsproto.Query && !info.Speaks(awsproto.JSON10)
	if info.Speaks(awsproto.JSON10) {
		contentType = "application/x-amz-json-1.0"
	}
	if form {
		values := url.Values{"Action": {operation}, "Version": {info.Version}}
		var v any
		d := json.NewDecoder(bytes.NewReader(input))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return nil, nil, err
		}
		flatten(values, "", v)
		body, contentType = []byte(values.Encode()), "application/x-www-form-urlencoded"
	}
	r, err := http.NewRequest(http.MethodPost, strings.TrimSuffix(endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", contentType)
	if !form {
		r.Header.Set("X-Amz-Target", info.Target+"."+operation)
	}
	return r, body, nil
}

// flatten writes JSON as the form of the Query protocol.
func flatten(form url.Values, name string, v any) {
	join := func(member string) string {
		if name == "" {
			return member
		}
		return name + "." + member
	}
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			flatten(form, join(k), inner)
		}
	case []any:
		for i, inner := range v {
			flatten(form, join("member."+strconv.Itoa(i+1)), inner)
		}
	case nil:
	default:
		form.Set(name, fmt.Sprint(v))
	}
}
