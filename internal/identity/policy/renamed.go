package policy

import "strings"

// The service of connections has two names, of which AWS takes either in policies and ARNs. Source: "Connections
// rename" in the Developer Tools console user guide.
const (
	connections      = "codeconnections:"
	olderConnections = "codestar-connections:"
)

// otherName is a request under the other name of its service. A statement that names one names both.
type otherName struct {
	action   string // in lower case
	resource parts
}

// otherOf is nil for a service that has one name.
func otherOf(action, resource string) *otherName {
	renamed := underOtherName(action)
	if renamed == "" {
		return nil
	}
	const aws = "arn:aws:"
	if of := underOtherName(strings.TrimPrefix(resource, aws)); of != "" {
		resource = aws + of
	}
	return &otherName{renamed, splitARN(resource)}
}

func underOtherName(of string) string {
	if rest, ok := strings.CutPrefix(of, connections); ok {
		return olderConnections + rest
	}
	if rest, ok := strings.CutPrefix(of, olderConnections); ok {
		return connections + rest
	}
	return ""
}
