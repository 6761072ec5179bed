// Package appspec reads application specification files: what CodeDeploy is to do with a revision. A file is YAML or
// JSON, for one of three platforms. For servers the rules are those of AWS's agent (aws-codedeploy-agent 1.8.1), its
// oddities included, so that a file means the same here as there.
package appspec

import "strings"

// Platform is what a file deploys to.
type Platform string

// Platforms, in CodeDeploy's words.
const (
	Server Platform = "Server"
	ECS    Platform = "ECS"
	Lambda Platform = "Lambda"
)

// Spec is a file that holds.
type Spec struct {
	Platform Platform

	// For servers.
	OS                 string // linux or windows
	Files              []File
	FileExistsBehavior string // DISALLOW, OVERWRITE, RETAIN; "" if the file does not say
	Permissions        []Permission
	Hooks              []Hook // in the order of the file

	// For ECS and Lambda.
	Resources []Resource
	Functions []Function

	// Warnings are places that mean nothing to anybody: unknown members, repeated ones. A deployment goes on in spite
	// of them.
	Warnings Errors
}

// File is one entry of files. The contents of a source that is a folder go into the destination; a source that is a
// file goes to destination/NAME. The source "/" is the whole bundle.
type File struct {
	Place
	Source, Destination string
}

// Permission is one entry of permissions.
type Permission struct {
	Place
	Object  string
	Pattern string   // "**" is everything below a folder; else only "*", which never goes across "/"
	Except  []string // patterns of the same kind
	Types   []string // file, directory
	Owner   string
	Group   string
	Mode    string // three or four octal digits; "" if it is left alone
	ACLs    []ACE
	Context *Context
}

// Is tells whether a permission is for files ("file") or folders ("directory").
func (p Permission) Is(kind string) bool {
	for _, t := range p.Types {
		if t == kind {
			return true
		}
	}
	return false
}

// Context is an SELinux context.
type Context struct {
	User, Type string
	Range      string // s0-s2:c0.c3, written shortest; "" if it is not given
}

// Hook is a lifecycle event with its scripts.
type Hook struct {
	Place
	Event   string
	Scripts []Script
}

// Script is one script of a hook.
type Script struct {
	Place
	Location string // in the bundle
	Timeout  int    // seconds
	RunAs    string // "" is the agent's user
	Sudo     bool
}

// Resource is what an ECS or Lambda file deploys.
type Resource struct {
	Place
	Name, Type string
	Properties map[string]string // scalars by their path in AWS's writing: LoadBalancerInfo.ContainerName, ...
}

// Function is a hook of an ECS or Lambda file: a Lambda function by name or ARN.
type Function struct {
	Place
	Event, Function string
}

// Scripts returns the scripts of an event, nil if there are none.
func (s *Spec) Scripts(event string) []Script {
	for _, h := range s.Hooks {
		if h.Event == event {
			return h.Scripts
		}
	}
	return nil
}

// Events are the lifecycle events of a server, in their order, that may have scripts.
func Events() []string {
	return []string{"BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop", "BeforeInstall", "AfterInstall",
		"ApplicationStart",
		"ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic"}
}

// CheckEvents returns an error for each hook whose event is not among known, in the place where it stands. AWS's agent
// does so at Install when the service sent it the events that are possible.
func (s *Spec) CheckEvents(file string, known []string) Errors {
	var errs Errors
	for _, h := range s.Hooks {
		if !contains(known, h.Event) {
			errs = append(errs,
				Error{
					File:   file,
					Line:   h.Line,
					Column: h.Column,
					Message: "unknown lifecycle event " + quote(h.Event) + "; scripts can be run at " +
						strings.Join(Events(), ", "),
				})
		}
	}
	return errs
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
