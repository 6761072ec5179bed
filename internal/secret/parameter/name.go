package parameter

import (
	"regexp"
	"strings"
	"sync"

	"slipway/api/awsproto"
	"slipway/api/ssm"
)

const (
	maxLevels = 15
	maxName   = 1011
)

var nameForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.\-]+$`) })

// checkName refuses the name of a new parameter that AWS refuses. See
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
func checkName(name string) error {
	parts := strings.Split(strings.TrimPrefix(name, "/"), "/")
	if len(parts) > 1 && !strings.HasPrefix(name, "/") {
		return invalid("Parameter name must be a fully qualified name.")
	}
	if len(name) > maxName {
		return invalid("The parameter name has more than %d characters.", maxName)
	}
	if len(parts) > maxLevels {
		return &ssm.HierarchyLevelLimitExceededException{
			Message: "Parameter hierarchies are limited to a maximum of fifteen levels."}
	}
	for _, part := range parts {
		if !nameForm().MatchString(part) {
			return invalid(nameWords)
		}
	}
	switch first := strings.ToLower(parts[0]); {
	case strings.HasPrefix(first, "aws"):
		return &awsproto.Error{Code: "AccessDeniedException",
			Message: "No access to reserved parameter name: " + name + "."}
	case strings.HasPrefix(first, "ssm"):
		return invalid(nameWords)
	}
	return nil
}

const nameWords = `Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist ` +
	`of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following ` +
	`3 symbols .-_`

// checkPath refuses the path of a list that is none.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return invalid(`The parameter doesn't meet the parameter name requirements. The parameter name must begin with a ` +
			`forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, ` +
			`numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not ` +
			`allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: ` +
			`/get/parameters2-/by1./path0_.`)
	}
	return nil
}
