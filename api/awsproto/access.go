package awsproto

import (
	"fmt"
	"strings"
)

// Ask is a right that a request needs: an action on each of some resources.
type Ask struct {
	Action    string     // codecommit:GetFile
	Resources []Resource // at least one
	Keys      []Key      // the condition keys of the service that the request has
}

// Resource is an ARN, or * for an action without resources.
type Resource struct {
	ARN string
	// Also is another form of the same ARN, "" for none. What allows or denies one form, does it for both.
	Also string
}

// Key is a condition key with its values. Its name is in lower case.
type Key struct {
	Name   string
	Values []string
}

// Access gathers the rights that a request needs.
type Access struct {
	Region, Account string
	// Resolve finds resources that a request does not name itself, such as the project of a build. A value that is
	// not known is no error: the answer has "*" for it, which means all.
	Resolve func(kind string, values ...[]string) []string

	Asks []Ask
	// Tags are the tags that the request gives, TagNames the keys of these and of tags that it takes away.
	Tags     map[string]string
	TagNames []string
}

// Any is the resource of an action that has none.
var Any = []string{"*"}

// Ask adds a right. Each of resources is a list of ARNs.
func (a *Access) Ask(action string, resources ...[]string) *Ask {
	ask := Ask{Action: action, Resources: make([]Resource, 0, 1)}
	for _, list := range resources {
		for _, arn := range list {
			form, also, _ := strings.Cut(arn, formMark)
			ask.Resources = append(ask.Resources, Resource{form, also})
		}
	}
	if len(ask.Resources) == 0 {
		ask.Resources = append(ask.Resources, Resource{ARN: "*"})
	}
	a.Asks = append(a.Asks, ask)
	return &a.Asks[len(a.Asks)-1]
}

// formMark separates two forms of an ARN. It stands in no name.
const formMark = "\x00"

// Forms has two forms of the same ARNs as one.
func (a *Access) Forms(one, other []string) []string {
	both := make([]string, len(one))
	for i := range one {
		both[i] = one[i] + formMark + other[min(i, len(other)-1)]
	}
	return both
}

// Values returns the values of a condition key.
func (k *Ask) Values(name string) []string {
	for i := range k.Keys {
		if k.Keys[i].Name == name {
			return k.Keys[i].Values
		}
	}
	return nil
}

// Key adds a condition key. A key without values is left out.
func (k *Ask) Key(name string, values []string) *Ask {
	if len(values) > 0 {
		k.Keys = append(k.Keys, Key{name, values})
	}
	return k
}

// Map adds a condition key for each entry of a map.
func (k *Ask) Map(prefix string, m map[string]string) *Ask {
	for name, value := range m {
		k.Keys = append(k.Keys, Key{prefix + strings.ToLower(name), []string{value}})
	}
	return k
}

// Tag adds a tag that the request gives.
func (a *Access) Tag(key, value string) {
	if a.Tags == nil {
		a.Tags = map[string]string{}
	}
	a.Tags[key] = value
	a.TagNames = append(a.TagNames, key)
}

// TagKeys adds the keys of tags that the request takes away.
func (a *Access) TagKeys(keys []string) { a.TagNames = append(a.TagNames, keys...) }

// Prefix is what stands before the resource in an ARN of this account.
func (a *Access) Prefix(service string, regional bool) []string {
	region := a.Region
	if !regional {
		region = ""
	}
	return []string{"arn:aws:" + service + ":" + region + ":" + a.Account + ":"}
}

// Find has Resolve find resources.
func (a *Access) Find(kind string, values ...[]string) []string {
	if a.Resolve == nil {
		return Any
	}
	return a.Resolve(kind, values...)
}

// Join combines each value of each part with those of the next ones.
func Join(parts ...[]string) []string {
	all := []string{""}
	for _, part := range parts {
		if len(part) == 1 {
			for i := range all {
				all[i] += part[0]
			}
			continue
		}
		next := make([]string, 0, len(all)*len(part))
		for _, head := range all {
			for _, tail := range part {
				next = append(next, head+tail)
			}
		}
		all = next
	}
	return all
}

// Or returns values, or other alone if there are none.
func Or(values []string, other string) []string {
	if len(values) == 0 {
		return []string{other}
	}
	return values
}

// One returns a value as a list, which is empty if the value is.
func One(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// Given is "true" if something was given, and empty otherwise.
func Given(given bool) []string {
	if !given {
		return nil
	}
	return []string{"true"}
}

// First returns the first list that is not empty.
func First(lists ...[]string) []string {
	for _, l := range lists {
		if len(l) > 0 {
			return l
		}
	}
	return nil
}

// Bare returns URLs without their scheme.
func Bare(urls []string) []string {
	bare := make([]string, len(urls))
	for i, u := range urls {
		if _, rest, ok := strings.Cut(u, "://"); ok {
			u = rest
		}
		bare[i] = strings.TrimSuffix(u, "/")
	}
	return bare
}

// Strings returns the values of a list of enums.
func Strings[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// Number returns a number or a boolean as text.
func Number[T any](p *T) []string {
	if p == nil {
		return nil
	}
	return []string{fmt.Sprint(*p)}
}
