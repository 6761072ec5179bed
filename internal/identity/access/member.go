package access

import (
	"fmt"
	"reflect"
	"strings"
)

// member answers for condition keys that are members of the request, as CodeBuild has: codebuild:environment.image is
// the member image of environment. A key that ends at a structure is "true" if the structure is given. In
// secondarySources/NAME.location, NAME says which element of a list is meant. See
// https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html
func member(input any, service, path, action string) ([]string, bool) {
	if service != "codebuild" || !strings.HasPrefix(action, "codebuild:") {
		return nil, false
	}
	var values []string
	walk(reflect.ValueOf(input), strings.Split(path, "."), &values)
	return values, len(values) > 0
}

// maxValues bounds what a key collects from lists of a request.
const maxValues = 1000

func walk(v reflect.Value, path []string, values *[]string) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if len(*values) >= maxValues {
		return
	}
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		walkList(v, path, values)
	case len(path) == 0 && v.Kind() == reflect.Struct:
		*values = append(*values, "true")
	case len(path) == 0:
		if text := fmt.Sprint(v.Interface()); text != "" {
			*values = append(*values, text)
		}
	case v.Kind() == reflect.Struct:
		if field := fieldOf(v, path[0]); field.IsValid() {
			walk(field, path[1:], values)
		}
	}
}

func walkList(v reflect.Value, path []string, values *[]string) {
	if len(path) == 0 && v.Len() > 0 && v.Type().Elem().Kind() == reflect.Struct {
		*values = append(*values, "true")
		return
	}
	for i := range v.Len() {
		walk(v.Index(i), path, values)
	}
}

// fieldOf is a member of a structure, or with NAME/WHICH one element of a list that is a member.
func fieldOf(v reflect.Value, path string) reflect.Value {
	name, which, one := strings.Cut(path, "/")
	field := v.FieldByNameFunc(func(f string) bool { return strings.EqualFold(f, name) })
	if one && field.IsValid() {
		return named(field, which)
	}
	return field
}

// named is the element of a list whose identifier or name is the given one.
func named(list reflect.Value, which string) reflect.Value {
	if list.Kind() != reflect.Slice {
		return reflect.Value{}
	}
	for i := range list.Len() {
		element := list.Index(i)
		for _, id := range []string{"SourceIdentifier", "ArtifactIdentifier", "Identifier", "Name"} {
			f := element.FieldByName(id)
			if f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() &&
				strings.EqualFold(fmt.Sprint(f.Elem().Interface()), which) {
				return element
			}
		}
	}
	return reflect.Value{}
}
