package app

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
)

// finder finds the resource of one value of a request, as an ARN without "arn:aws:SERVICE:REGION:ACCOUNT:".
type finder struct {
	service string
	find    func(value string) string
}

// all is the resource of a value that is not known: only who may do an action on all of them may do it.
const all = "*"

// plain are the resources that a request names in a form of its own.
var plain = map[string]finder{
	"pipeline": {"codepipeline", func(name string) string { return name }},
	"alarm":    {"cloudwatch", func(name string) string { return "alarm:" + name }},
	"project":  {"codebuild", func(name string) string { return "project/" + afterSlash(name) }},
	// PROJECT:UUID, or an ARN that ends so.
	"build": {"codebuild", func(id string) string {
		project, _, _ := strings.Cut(afterSlash(id), ":")
		return "project/" + project
	}},
	// PROJECT:UUID, or an ARN that ends so.
	"sandbox": {"codebuild", func(id string) string { return "sandbox/" + afterSlash(id) }},
	// The sessionTarget of a build's debug session.
	"sessionTarget": {"codebuild", func(target string) string {
		return "build/" + strings.TrimPrefix(target, slipway.BuildTarget)
	}},
	// The ARN of a group or of a report, arn:…:report/GROUP:ID, or a group's name.
	"reportGroup": {"codebuild", func(arn string) string {
		group, _, _ := strings.Cut(afterSlash(arn), ":")
		return "report-group/" + group
	}},
	// Pull requests and comments are found once there are any.
	"pullRequest": {"codecommit", func(string) string { return all }},
	"comment":     {"codecommit", func(string) string { return all }},
}

// afterSlash is the last part of an ARN, and a name itself.
func afterSlash(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name[strings.IndexByte(name, '/')+1:]
	}
	return name
}

// resolve finds the resources that requests do not name themselves; see awsproto.Access.
func (s *rights) resolve(ctx context.Context, kind string, values ...[]string) []string {
	given := awsproto.First(values...)
	if f, ok := plain[kind]; ok {
		arns := make([]string, 0, max(len(given), 1))
		prefix := "arn:aws:" + f.service + ":" + s.Place.Region + ":" + s.Place.Account + ":"
		for _, v := range awsproto.Or(given, all) {
			arns = append(arns, prefix+f.find(v))
		}
		return arns
	}
	switch kind {
	case "fleet":
		return s.fleets(ctx, given)
	case "deployment":
		return s.deploymentGroups(ctx, given)
	case "logGroup":
		return s.logGroups(given)
	case "logStream":
		return s.logStreams(given, values[1])
	case "subscription": // the ARN of its topic, and an ID after it
		arns := make([]string, len(given))
		for i, arn := range given {
			arns[i] = arn[:max(strings.LastIndexByte(arn, ':'), 0)]
		}
		return arns
	case "certificate":
		return awsproto.Or(given, "arn:aws:acm:"+s.Place.Region+":"+s.Place.Account+":certificate/*")
	case "pullRequestTarget":
		return nil
	case "key", "keyOfAlias", "keyOfCiphertext", "alias":
		return s.keys(ctx, kind, given)
	case "parameter":
		return s.parameterARNs(ctx, given)
	case "secret":
		return s.secretARNs(ctx, given)
	}
	return s.identities(ctx, kind, given)
}

// deploymentGroups are the groups of deployments, which one query finds.
func (s *rights) deploymentGroups(ctx context.Context, ids []string) []string {
	prefix := "arn:aws:codedeploy:" + s.Place.Region + ":" + s.Place.Account + ":deploymentgroup:"
	groups, err := s.deployments.GroupsOf(ctx, ids)
	if err != nil || len(ids) == 0 {
		return []string{prefix + all}
	}
	arns := make([]string, len(ids))
	for i, id := range ids {
		arns[i] = prefix + all
		if g, ok := groups[id]; ok {
			arns[i] = prefix + g
		}
	}
	return arns
}

// logGroups are log groups by name or ARN, in both forms: policies name them with and without what follows the name.
func (s *rights) logGroups(groups []string) []string {
	arns := s.groupARNs(groups)
	streams := awsproto.Join(arns, []string{":log-stream:"})
	return (&awsproto.Access{}).Forms(arns, streams)
}

func (s *rights) groupARNs(groups []string) []string {
	prefix := "arn:aws:logs:" + s.Place.Region + ":" + s.Place.Account + ":log-group:"
	arns := make([]string, 0, max(len(groups), 1))
	for _, g := range awsproto.Or(groups, all) {
		_, after, _ := strings.Cut(g, ":log-group:")
		if after == "" {
			after = g
		}
		arns = append(arns, prefix+strings.TrimSuffix(after, ":*"))
	}
	return arns
}

func (s *rights) logStreams(groups, streams []string) []string {
	return awsproto.Join(s.groupARNs(groups), []string{":log-stream:"}, awsproto.Or(streams, all))
}

// fleets are the ARNs of fleets that are given by names or ARNs. One that does not exist has any ID.
func (s *rights) fleets(ctx context.Context, given []string) []string {
	prefix := "arn:aws:codebuild:" + s.Place.Region + ":" + s.Place.Account + ":fleet/"
	known := map[string]string{}
	if len(given) > 0 {
		out, err := s.builds.BatchGetFleets(ctx, &codebuild.BatchGetFleetsInput{Names: given})
		for i := 0; err == nil && i < len(out.Fleets); i++ {
			known[*out.Fleets[i].Name] = *out.Fleets[i].Arn
		}
	}
	var arns []string
	for _, name := range awsproto.Or(given, all) {
		switch {
		case strings.HasPrefix(name, prefix):
			arns = append(arns, name)
		case known[name] != "":
			arns = append(arns, known[name])
		default:
			arns = append(arns, prefix+name+":*")
		}
	}
	return arns
}
