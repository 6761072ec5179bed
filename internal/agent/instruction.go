package agent

import (
	"fmt"
	"path"
	"strings"

	"slipway/spec/appspec"
)

// instruction is one step of an installation, as AWS's agent writes it down.
type instruction struct {
	Type        string   `json:"type"` // copy, mkdir, chmod, setfacl, semanage, chown
	Source      string   `json:"source,omitempty"`
	Destination string   `json:"destination,omitempty"`
	Directory   string   `json:"directory,omitempty"`
	File        string   `json:"file,omitempty"`
	Mode        string   `json:"mode,omitempty"`
	Owner       string   `json:"owner,omitempty"`
	Group       string   `json:"group,omitempty"`
	ACL         []string `json:"acl,omitempty"`
	Context     *selinux `json:"context,omitempty"`

	aces []appspec.ACE
}

type selinux struct {
	User  string `json:"user,omitempty"`
	Type  string `json:"type"`
	Range string `json:"range,omitempty"`
}

// plan collects the instructions of an installation. All names but sources are clean absolute paths of the host.
type plan struct {
	Instructions []instruction `json:"instructions"`

	copies    map[string]string // destination -> source
	folders   map[string]bool
	order     []string // of both
	permitted map[string]int
}

func newPlan() *plan {
	return &plan{
		Instructions: []instruction{},
		copies:       map[string]string{},
		folders:      map[string]bool{},
		permitted:    map[string]int{},
	}
}

func (p *plan) copy(source, destination string) error {
	if before, twice := p.copies[destination]; twice {
		return fmt.Errorf("both %s and %s would be installed as %s; remove one of them from files", before, source,
			destination)
	}
	if p.folders[destination] {
		return fmt.Errorf("%s would be installed as %s, which is a folder that the installation makes", source,
			destination)
	}
	if strings.ContainsAny(destination, "\n\x00") {
		return fmt.Errorf("the name %q can't be written to the list of installed files", destination)
	}
	p.copies[destination] = source
	p.order = append(p.order, destination)
	p.Instructions = append(p.Instructions, instruction{Type: "copy", Source: source, Destination: destination})
	return nil
}

func (p *plan) mkdir(destination string) error {
	if source, taken := p.copies[destination]; taken {
		return fmt.Errorf("%s would be a folder, but %s is installed there as a file", destination, source)
	}
	if strings.ContainsAny(destination, "\n\x00") {
		return fmt.Errorf("the name %q can't be written to the list of installed files", destination)
	}
	if !p.folders[destination] {
		p.folders[destination] = true
		p.order = append(p.order, destination)
		p.Instructions = append(p.Instructions, instruction{Type: "mkdir", Directory: destination})
	}
	return nil
}

// permit adds what a permission says of the things that are installed. isFolder tells what is there already.
func (p *plan) permit(x appspec.Permission, isFolder func(string) bool) error {
	object := clean(x.Object)
	if _, isFile := p.copies[object]; isFile {
		if !x.Is("file") {
			return nil
		}
		if x.Pattern != "**" {
			return fmt.Errorf("the permission of the file %s (line %d) has the pattern %q; patterns are for folders",
				object, x.Line, x.Pattern)
		}
		if len(x.Except) > 0 {
			return fmt.Errorf("the permission of the file %s (line %d) has except; exceptions are for folders", object,
				x.Line)
		}
		return p.set(object, x, true)
	}
	if !p.folders[object] && !isFolder(object) {
		return nil
	}
	base := strings.TrimSuffix(object, "/") + "/"
	for _, name := range p.order {
		rel, below := strings.CutPrefix(name, base)
		_, isFile := p.copies[name]
		if !below || isFile && !x.Is("file") || !isFile && !x.Is("directory") || !x.Matches(rel) {
			continue
		}
		if err := p.set(name, x, isFile); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) set(name string, x appspec.Permission, isFile bool) error {
	if line, twice := p.permitted[name]; twice {
		return fmt.Errorf("the permissions of %s are set twice, by lines %d and %d; change one of them", name, line,
			x.Line)
	}
	p.permitted[name] = x.Line
	if x.Mode != "" {
		p.Instructions = append(p.Instructions, instruction{Type: "chmod", File: name, Mode: x.Mode})
	}
	if len(x.ACLs) > 0 {
		i := instruction{Type: "setfacl", File: name, aces: x.ACLs}
		for _, a := range x.ACLs {
			if a.Default && isFile {
				return fmt.Errorf("the default acl %s (line %d) is for folders; %s is a file", a, x.Line, name)
			}
			i.ACL = append(i.ACL, a.String())
		}
		p.Instructions = append(p.Instructions, i)
	}
	if c := x.Context; c != nil {
		p.Instructions = append(p.Instructions,
			instruction{Type: "semanage", File: name, Context: &selinux{c.User, c.Type, c.Range}})
	}
	if x.Owner != "" || x.Group != "" {
		p.Instructions = append(p.Instructions, instruction{Type: "chown", File: name, Owner: x.Owner, Group: x.Group})
	}
	return nil
}

// ancestors are the folders above a destination, the highest first.
func ancestors(destination string) []string {
	var all []string
	for dir := path.Dir(destination); dir != "/"; dir = path.Dir(dir) {
		all = append([]string{dir}, all...)
	}
	return all
}
