package appspec

import (
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// service reads a file for ECS or Lambda. AWS writes its members in both cases (Resources and resources, Properties and
// properties), so case does not matter here.
func (r *reader) service(s *Spec, ms []member) {
	var version, resources, hooks *member
	for i, m := range ms {
		switch strings.ToLower(m.key) {
		case "version":
			version = &ms[i]
		case "resources":
			resources = &ms[i]
		case "hooks":
			hooks = &ms[i]
		case "os", "files", "permissions", "file_exists_behavior":
			r.fail(m.Place, "%s is for servers; a file with Resources is for ECS or Lambda", m.key)
		default:
			r.warn(m.Place,
				"%s is no member of an application specification and means nothing; known are version, Resources, "+
					"Hooks", quote(m.key))
		}
	}
	if version != nil {
		r.version(*version, true)
	} else {
		r.fail(Place{Line: 1, Column: 1}, "version is missing; write version: 0.0")
	}
	if resources.value == nil {
		r.fail(resources.Place, "Resources is empty; it needs a list with a target")
		return
	}
	items, ok := r.items(resources.value, "Resources")
	if !ok {
		return
	}
	if len(items) == 0 {
		r.fail(resources.Place, "Resources is empty; it needs a list with a target")
	}
	for _, item := range items {
		r.resource(s, item)
	}
	if hooks != nil && hooks.value != nil {
		r.functions(s, hooks.value)
	}
}

func folded(ms []member, key string) (member, bool) {
	for _, m := range ms {
		if strings.EqualFold(m.key, key) {
			return m, true
		}
	}
	return member{}, false
}

func (r *reader) resource(s *Spec, item ast.Node) {
	n := r.plain(item)
	if n == nil {
		r.fail(r.place(item), "a resource is empty; it needs a name, with Type and Properties below")
		return
	}
	named, ok := r.members(n, "a resource")
	if !ok {
		return
	}
	if len(named) != 1 || named[0].value == nil {
		r.fail(r.place(n), "a resource must be one name with Type and Properties below, indented further")
		return
	}
	ms, ok := r.members(named[0].value, "the resource "+named[0].key)
	if !ok {
		return
	}
	res := Resource{Place: named[0].Place, Name: named[0].key, Properties: map[string]string{}}
	kind, ok := folded(ms, "Type")
	if !ok || kind.value == nil {
		r.fail(res.Place, "the resource %s has no Type", res.Name)
		return
	}
	if res.Type, ok = r.scalar(kind.value, "Type"); !ok {
		return
	}
	if !r.platform(s, res.Type, kind.at) {
		return
	}
	properties, ok := folded(ms, "Properties")
	if !ok || properties.value == nil {
		r.fail(res.Place, "the resource %s has no Properties", res.Name)
		return
	}
	if ps, ok := r.members(properties.value, "Properties"); ok {
		if s.Platform == ECS {
			r.ecs(&res, properties.Place, ps)
		} else {
			r.lambda(&res, properties.Place, ps)
		}
	}
	s.Resources = append(s.Resources, res)
}

// platform sets the platform of a file by the type of a resource, which must be the one of those before it.
func (r *reader) platform(s *Spec, kind string, at Place) bool {
	platform := Lambda
	switch kind {
	case "AWS::ECS::Service":
		platform = ECS
	case "AWS::Lambda::Function":
	default:
		r.fail(at, "Type must be AWS::ECS::Service or AWS::Lambda::Function, not %s", quote(kind))
		return false
	}
	if len(s.Resources) > 0 && platform != s.Platform {
		r.fail(at, "a file is for ECS or for Lambda, not for both")
		return false
	}
	s.Platform = platform
	return true
}

// property reads a scalar property into the resource under AWS's writing of its path.
func (r *reader) property(res *Resource, at Place, ms []member, prefix, key string, must bool) (member, bool) {
	m, ok := folded(ms, key)
	if !ok || m.value == nil {
		if must {
			r.fail(at, "%s has no %s", res.Name, prefix+key)
		}
		return m, false
	}
	text, ok := r.scalar(m.value, key)
	if ok && text == "" && must {
		r.fail(m.at, "%s is empty", key)
		return m, false
	}
	res.Properties[prefix+key] = text
	return m, ok
}

func (r *reader) ecs(res *Resource, at Place, ms []member) {
	r.property(res, at, ms, "", "TaskDefinition", true)
	r.property(res, at, ms, "", "PlatformVersion", false)
	if lb, ok := folded(ms, "LoadBalancerInfo"); !ok || lb.value == nil {
		r.fail(at, "%s has no LoadBalancerInfo", res.Name)
	} else if lbs, ok := r.members(lb.value, "LoadBalancerInfo"); ok {
		r.property(res, lb.Place, lbs, "LoadBalancerInfo.", "ContainerName", true)
		if port, ok := r.property(res, lb.Place, lbs, "LoadBalancerInfo.", "ContainerPort", true); ok {
			text := res.Properties["LoadBalancerInfo.ContainerPort"]
			if n, err := strconv.Atoi(text); err != nil || n < 1 || n > 65535 {
				r.fail(port.at, "ContainerPort must be a port, 1 to 65535, not %s", quote(text))
			}
		}
	}
	if m, ok := folded(ms, "NetworkConfiguration"); ok && m.value != nil {
		r.members(m.value, "NetworkConfiguration")
	}
	if m, ok := folded(ms, "CapacityProviderStrategy"); ok && m.value != nil {
		r.items(m.value, "CapacityProviderStrategy")
	}
	for _, m := range ms {
		if _, ok := foldedIn([]string{"TaskDefinition", "PlatformVersion", "LoadBalancerInfo", "NetworkConfiguration",
			"CapacityProviderStrategy"}, m.key); !ok {
			r.warn(m.Place, "%s is no property of an ECS service and means nothing", quote(m.key))
		}
	}
}

func (r *reader) lambda(res *Resource, at Place, ms []member) {
	for _, key := range []string{"Name", "Alias", "CurrentVersion", "TargetVersion"} {
		r.property(res, at, ms, "", key, true)
	}
	for _, m := range ms {
		if _, ok := foldedIn([]string{"Name", "Alias", "CurrentVersion", "TargetVersion"}, m.key); !ok {
			r.warn(m.Place, "%s is no property of a Lambda function and means nothing", quote(m.key))
		}
	}
}

func foldedIn(list []string, s string) (string, bool) {
	for _, x := range list {
		if strings.EqualFold(x, s) {
			return x, true
		}
	}
	return "", false
}

// functions reads the hooks of ECS and Lambda: a list of Event: function.
func (r *reader) functions(s *Spec, n ast.Node) {
	events := []string{"BeforeAllowTraffic", "AfterAllowTraffic"}
	if s.Platform == ECS {
		events = []string{"BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic",
			"AfterAllowTraffic"}
	}
	items, ok := r.items(n, "Hooks")
	if !ok {
		return
	}
	for _, item := range items {
		x := r.plain(item)
		if x == nil {
			continue
		}
		ms, ok := r.members(x, "a hook")
		if !ok {
			continue
		}
		for _, m := range ms {
			if !contains(events, m.key) {
				r.fail(m.Place, "%s is no hook of %s; there are %s", quote(m.key), s.Platform,
					strings.Join(events, ", "))
				continue
			}
			f := Function{Place: m.Place, Event: m.key}
			if m.value == nil {
				r.fail(m.Place, "the hook %s names no Lambda function", m.key)
				continue
			}
			if f.Function, ok = r.text(m.value); !ok {
				r.fail(m.at, "the hook %s of %s must be the name or ARN of a Lambda function, not %s", m.key,
					s.Platform, kind(m.value))
				continue
			}
			if f.Function == "" {
				r.fail(m.at, "the hook %s names no Lambda function", m.key)
				continue
			}
			s.Functions = append(s.Functions, f)
		}
	}
}
