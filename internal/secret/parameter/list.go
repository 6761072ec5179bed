package parameter

import (
	"context"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/ssm"
	"slipway/internal/store"
)

// filter is what a list wants of parameters.
type filter struct {
	key, option string
	values      []string
}

// filtersOf reads the filters of a list, of both kinds. known are their keys.
func filtersOf(old []ssm.ParametersFilter, now []ssm.ParameterStringFilter, known ...string) ([]filter, error) {
	var all []filter
	for _, f := range old {
		option := "Equals"
		if f.Key == ssm.ParametersFilterKeyName {
			option = "BeginsWith"
		}
		all = append(all, filter{string(f.Key), option, f.Values})
	}
	for _, f := range now {
		all = append(all, filter{*f.Key, awsproto.Value(f.Option), f.Values})
	}
	for i := range all {
		if err := all[i].check(known); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (f *filter) check(known []string) error {
	isTag := strings.HasPrefix(f.key, "tag:") && slices.Contains(known, "tag:")
	if !isTag && !slices.Contains(known, f.key) {
		return &ssm.InvalidFilterKey{Message: "The filter key " + f.key + " is not valid. Valid filter keys include: " +
			"[" +
			strings.Join(known, ", ") + "]."}
	}
	options := []string{"Equals", "BeginsWith"}
	switch {
	case f.key == "Path":
		options = []string{"OneLevel", "Recursive"}
	case f.key == "Name":
		options = []string{"Equals", "BeginsWith", "Contains"}
	case isTag, f.key == "Label":
		options = options[:1]
	}
	if f.option == "" {
		f.option = options[0]
	}
	if !slices.Contains(options, f.option) {
		return &ssm.InvalidFilterOption{Message: "The following filter option is not valid: " + f.option +
			". Valid options include: [" + strings.Join(options, ", ") + "]."}
	}
	if f.key == "Path" {
		for _, path := range f.values {
			if err := checkPath(path); err != nil {
				return err
			}
		}
	}
	if len(f.values) == 0 && !isTag {
		return &ssm.InvalidFilterValue{Message: "The following filter values are missing : null for filter " +
			"key " + f.key}
	}
	return nil
}

// matches tells whether a parameter is wanted.
func (f *filter) matches(v *version, tags map[string]string) bool {
	key, isTag := strings.CutPrefix(f.key, "tag:")
	value := ""
	switch {
	case isTag:
		has, ok := tags[key]
		return ok && (len(f.values) == 0 || slices.Contains(f.values, has))
	case f.key == "Path":
		anywhere := f.option == "Recursive"
		return slices.ContainsFunc(f.values, func(path string) bool { return below(*v.Name, path, anywhere) })
	case f.key == "Name":
		value = *v.Name
	case f.key == "Type":
		value = string(v.Type)
	case f.key == "KeyId":
		value = awsproto.Value(v.KeyId)
	case f.key == "Tier":
		value = string(v.Tier)
	case f.key == "DataType":
		value = awsproto.Value(v.DataType)
	}
	return slices.ContainsFunc(f.values, func(want string) bool {
		switch f.option {
		case "BeginsWith":
			return strings.HasPrefix(value, want) || f.key == "Name" && strings.HasPrefix(value, "/"+want)
		case "Contains":
			return strings.Contains(value, want)
		}
		return value == want
	})
}

// below tells whether a parameter is below a path, directly or anywhere.
func below(name, path string, anywhere bool) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(path, "/")+"/")
	return ok && rest != "" && (anywhere || !strings.Contains(rest, "/"))
}

// list returns a page of the newest versions that are wanted, by name. more says that others follow.
func (s *Service) list(ctx context.Context, filters []filter, after string, most int,
	wanted func(*version) bool) (some []*version, more bool, err error) {
	byTag := slices.ContainsFunc(filters, func(f filter) bool { return strings.HasPrefix(f.key, "tag:") })
	for goesOn := true; goesOn; {
		const page = 200
		all, err := store.All(ctx, s.db, scanVersion, columns+` JOIN ssm_parameters p ON p.name = v.parameter AND
			p.version = v.version WHERE p.name > $1 ORDER BY p.name LIMIT $2`, after, page)
		if err != nil {
			return nil, false, err
		}
		goesOn = len(all) == page
		for _, v := range all {
			after = *v.Name
			var of map[string]string
			if byTag {
				if of, err = s.tagsOf(ctx, *v.Name); err != nil {
					return nil, false, err
				}
			}
			if !wanted(v) || slices.ContainsFunc(filters, func(f filter) bool { return !f.matches(v, of) }) {
				continue
			}
			if len(some) == most {
				return some, true, nil
			}
			some = append(some, v)
		}
	}
	return some, false, nil
}

// DescribeParameters implements ssm:DescribeParameters.
func (s *Service) DescribeParameters(ctx context.Context,
	in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	filters, err := filtersOf(in.Filters, in.ParameterFilters, "Name", "Type", "KeyId", "Path", "Tier", "DataType",
		"tag:")
	if err != nil {
		return nil, err
	}
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, invalid("You can use either Filters or ParameterFilters in a single request.")
	}
	of := []any{in.Filters, in.ParameterFilters, in.Shared}
	after := ""
	if err := s.place("DescribeParameters", of, in.NextToken, &after); err != nil {
		return nil, err
	}
	out := &ssm.DescribeParametersOutput{Parameters: []ssm.ParameterMetadata{}}
	if asked(in.Shared) { // no other account shares any
		return out, nil
	}
	all, more, err := s.list(ctx, filters, after, limit(in.MaxResults, 50), func(*version) bool { return true })
	for _, v := range all {
		v.ARN, v.Policies = new(s.ARN(*v.Name)), []ssm.ParameterInlinePolicy{}
		out.Parameters = append(out.Parameters, v.ParameterMetadata)
	}
	if more {
		out.NextToken = s.Pager.Token("DescribeParameters", of, *all[len(all)-1].Name)
	}
	return out, err
}

// GetParametersByPath implements ssm:GetParametersByPath.
func (s *Service) GetParametersByPath(ctx context.Context,
	in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	if err := checkPath(*in.Path); err != nil {
		return nil, err
	}
	filters, err := filtersOf(nil, in.ParameterFilters, "Type", "KeyId", "Label")
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(filters, func(f filter) bool { return f.key == "Label" })
	label := ""
	if i >= 0 {
		label, filters = filters[i].values[0], slices.Delete(filters, i, i+1)
	}
	of := []any{in.Path, in.Recursive, in.ParameterFilters}
	after := ""
	if err := s.place("GetParametersByPath", of, in.NextToken, &after); err != nil {
		return nil, err
	}
	all, more, err := s.list(ctx, filters, after, limit(in.MaxResults, 10),
		func(v *version) bool { return below(*v.Name, *in.Path, asked(in.Recursive)) })
	if err != nil {
		return nil, err
	}
	out := &ssm.GetParametersByPathOutput{Parameters: []ssm.Parameter{}}
	for _, v := range all {
		p, err := s.labelled(ctx, v, label, asked(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		if p != nil {
			out.Parameters = append(out.Parameters, *p)
		}
	}
	if more {
		out.NextToken = s.Pager.Token("GetParametersByPath", of, *all[len(all)-1].Name)
	}
	return out, nil
}

// labelled is a parameter by its newest version, or by the one with a label. It is nil if no version has the label.
func (s *Service) labelled(ctx context.Context, v *version, label string, decrypt bool) (*ssm.Parameter, error) {
	if label == "" {
		return s.parameter(ctx, v, "", decrypt)
	}
	of, selector, err := s.find(ctx, *v.Name+":"+label)
	if awsproto.Code(err) == "ParameterVersionNotFound" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.parameter(ctx, of, selector, decrypt)
}
