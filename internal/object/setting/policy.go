package setting

import (
	"encoding/json"
	"slices"
	"strings"
)

// narrowing are the condition keys that make a policy for everybody one for some, if their values are fixed ("The
// meaning of "public"" in the S3 user guide).
var narrowing = []string{"aws:principalorgid", "aws:principalorgpaths", "aws:sourcearn", "aws:sourcevpc",
	"aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount", "aws:principalaccount", "aws:principalarn",
	"aws:userid", "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:dataaccesspointarn",
	"s3:dataaccesspointaccount", "aws:sourceip"}

// IsPublicPolicy reports whether a bucket policy allows something to everybody. A text that is not JSON allows nothing.
func IsPublicPolicy(text string) bool {
	var p struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(text), &p) != nil {
		return false
	}
	type statement struct {
		Effect       string
		Principal    json.RawMessage
		NotPrincipal json.RawMessage
		Condition    map[string]map[string]json.RawMessage
	}
	var all []statement
	if json.Unmarshal(p.Statement, &all) != nil {
		var single statement
		if json.Unmarshal(p.Statement, &single) != nil {
			return false
		}
		all = []statement{single}
	}
	for _, s := range all {
		if s.Effect == "Allow" && (len(s.NotPrincipal) > 0 || isEverybody(s.Principal)) && !narrowed(s.Condition) {
			return true
		}
	}
	return false
}

func isEverybody(principal json.RawMessage) bool {
	if slices.Contains(texts(principal), "*") {
		return true
	}
	var by map[string]json.RawMessage
	_ = json.Unmarshal(principal, &by) // a text is no map, and was looked at
	return slices.Contains(texts(by["AWS"]), "*")
}

// texts are the values of a text or a list of texts.
func texts(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	return nil
}

func narrowed(conditions map[string]map[string]json.RawMessage) bool {
	for operator, keys := range conditions {
		operator = strings.ToLower(operator)
		if strings.Contains(operator, "not") || strings.HasSuffix(operator, "ifexists") || operator == "null" {
			continue
		}
		for key, values := range keys {
			if slices.Contains(narrowing, strings.ToLower(key)) && fixed(texts(values)) {
				return true
			}
		}
	}
	return false
}

// fixed reports whether values say whom they mean, without wildcards or variables.
func fixed(values []string) bool {
	for _, v := range values {
		if strings.ContainsAny(v, "*?$") || v == "0.0.0.0/0" || v == "::/0" {
			return false
		}
	}
	return len(values) > 0
}
