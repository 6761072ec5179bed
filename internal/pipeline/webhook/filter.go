package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/theory/jsonpath"

	cp "slipway/api/codepipeline"
)

// checkFilters refuses filters that could never be decided. A path names one value: a path that searches would make a
// delivery cost more than its size.
func checkFilters(filters []cp.WebhookFilterRule, target *cp.ActionDeclaration) error {
	for _, f := range filters {
		if _, err := parsePath(*f.JsonPath); err != nil {
			return err
		}
		if f.MatchEquals == nil {
			continue
		}
		if _, err := filled(*f.MatchEquals, target); err != nil {
			return &cp.InvalidWebhookFilterPatternException{Message: err.Error()}
		}
	}
	return nil
}

func parsePath(path string) (*jsonpath.Path, error) {
	p, err := jsonpath.Parse(path)
	if err != nil {
		return nil, &cp.InvalidWebhookFilterPatternException{
			Message: fmt.Sprintf("The jsonPath %s cannot be read: %v", path, err),
		}
	}
	if p.Query().Singular() == nil {
		return nil, &cp.InvalidWebhookFilterPatternException{Message: "The jsonPath " + path + " may name several " +
			"values. Name one by its members and places, such as $.ref or $.commits[0].id"}
	}
	return p, nil
}

// placeholder is a key of the target action's configuration in a value that is to be matched.
var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// filled is a value to be matched, with the configuration of the target action in it.
func filled(value string, target *cp.ActionDeclaration) (string, error) {
	var missing string
	text := placeholder.ReplaceAllStringFunc(value, func(found string) string {
		key := found[1 : len(found)-1]
		v, ok := target.Configuration[key]
		if !ok {
			missing = key
		}
		return v
	})
	if missing != "" {
		return "", fmt.Errorf("the action '%s' has no configuration value %s, which matchEquals %s asks for",
			*target.Name, missing, value)
	}
	return text, nil
}

// decide says whether a delivery fits all filters of a webhook, and if not, which one it does not fit.
func decide(filters []cp.WebhookFilterRule, target *cp.ActionDeclaration, body []byte) (ok bool, why string) {
	if len(filters) == 0 {
		return true, ""
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil || decoder.More() {
		return false, "the body is not JSON, and the webhook has filters"
	}
	for _, f := range filters {
		if ok, why := fits(f, target, v); !ok {
			return false, why
		}
	}
	return true, ""
}

func fits(f cp.WebhookFilterRule, target *cp.ActionDeclaration, body any) (ok bool, why string) {
	path, err := parsePath(*f.JsonPath)
	if err != nil {
		return false, err.Error()
	}
	found := path.Select(body)
	if len(found) == 0 {
		return false, "the body has nothing at " + *f.JsonPath
	}
	if f.MatchEquals == nil {
		return true, ""
	}
	want, err := filled(*f.MatchEquals, target)
	if err != nil {
		return false, err.Error()
	}
	if is := words(found[0]); is != want {
		return false, fmt.Sprintf("%s is %.200s and not %s", *f.JsonPath, is, want)
	}
	return true, ""
}

// words is a value as matchEquals writes it: a text as it is, all else as JSON.
func words(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
