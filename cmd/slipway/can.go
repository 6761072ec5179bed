package main

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/api/sts"
	"slipway/internal/identity/policy/catalogue"
	"slipway/internal/people"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type canCommand struct {
	client
	printer
	Who      string            `arg:"" name:"user" help:"A user; group/NAME or role/NAME; or an ARN."`
	Action   string            `arg:"" help:"The action, as policies name it: codecommit:GitPush."`
	Resource []string          `arg:"" optional:"" help:"ARNs, or names where the action says what they are of; without any, all resources."`
	Context  map[string]string `help:"The value of a condition key; may be given several times." placeholder:"KEY=VALUE"`
}

func (*canCommand) Help() string {
	return "Asks the policies of a user, a group or a role. The exit code is 1 if the answer is no. Policies of " +
		"resources, such as buckets, are not asked.\n\n" +
		"  slipway can anna codecommit:GitPush web\n" +
		"  slipway can role/build s3:PutObject arn:aws:s3:::artifacts/web.zip\n" +
		"  slipway can anna codecommit:GitPush web --context codecommit:References=refs/heads/main"
}

func (c *canCommand) Run(ctx context.Context) error {
	if !strings.Contains(c.Action, ":") {
		did := meant("codecommit:"+c.Action, actionNames(""))
		return usage("%s has no service, as in codecommit:GitPush%s", c.Action, did)
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	who, err := api.tokens.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return err
	}
	account := awsproto.Value(who.Account)
	in := &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: new(principalARN(account, c.Who)),
		ActionNames:     []string{c.Action},
	}
	if in.ResourceArns, err = c.arns(account); err != nil {
		return err
	}
	for key, value := range c.Context {
		in.ContextEntries = append(in.ContextEntries, iam.ContextEntry{
			ContextKeyName:   &key,
			ContextKeyValues: strings.Split(value, ","),
			ContextKeyType:   iam.ContextKeyTypeEnumStringList,
		})
	}
	out, err := api.identity.SimulatePrincipalPolicy(ctx, in)
	if err != nil {
		return err
	}
	rights := view.Rights(c.Who, out.EvaluationResults)
	// Who may ask the question may not be one who may read the policies; the answer is the same then.
	if sources, err := people.Sources(ctx, api.identity, c.name()); err == nil {
		people.Explain(rights, sources)
	}
	return c.show(rights)
}

// name is who is asked about, as people.Sources wants it.
func (c *canCommand) name() string {
	if !strings.HasPrefix(c.Who, "arn:") {
		return c.Who
	}
	kind, rest, _ := strings.Cut(c.Who[strings.LastIndexByte(c.Who, ':')+1:], "/")
	return kind + "/" + rest[strings.LastIndexByte(rest, '/')+1:]
}

// principalARN returns the ARN of a user, group/NAME or role/NAME.
func principalARN(account, who string) string {
	if strings.HasPrefix(who, "arn:") {
		return who
	}
	if !strings.HasPrefix(who, "group/") && !strings.HasPrefix(who, "role/") && !strings.HasPrefix(who, "user/") {
		who = "user/" + who
	}
	return "arn:aws:iam::" + account + ":" + who
}

// arns writes names as ARNs of the type of resource that the action has.
func (c *canCommand) arns(account string) ([]string, error) {
	var out []string
	for _, r := range c.Resource {
		if r == "*" || strings.HasPrefix(r, "arn:") {
			out = append(out, r)
			continue
		}
		e, ok := catalogue.Action(c.Action)
		if !ok {
			return nil, usage("there is no action %s%s", c.Action, meant(c.Action, actionNames(c.Action)))
		}
		region := c.Region
		if region == "" {
			region = defaultRegion
		}
		arn, ok := e.Resource(r, region, account)
		if !ok {
			return nil, usage("%s has no one type of resource with a name: give an ARN", c.Action)
		}
		out = append(out, arn)
	}
	return out, nil
}

// actionNames are the actions of the service that an action names, or of all.
func actionNames(action string) []string {
	service, _, _ := strings.Cut(action, ":")
	services := []string{service}
	if catalogue.Actions(service) == nil {
		services = catalogue.Services()
	}
	var out []string
	for _, s := range services {
		for _, e := range catalogue.Actions(s) {
			out = append(out, s+":"+e.Name)
		}
	}
	return out
}

func (c *canCommand) show(rights []view.Right) error {
	all := true
	for i := range rights {
		all = all && rights[i].Allowed
	}
	err := c.print(map[string]any{"rights": rights}, func(t *terminal.Table) {
		t.Head("ANSWER", "ACTION", "RESOURCE", "WHY")
		for i := range rights {
			r := &rights[i]
			answer := terminal.Cell{Text: "Denied", Kind: terminal.Failed}
			if r.Allowed {
				answer = terminal.Cell{Text: "Allowed", Kind: terminal.Succeeded}
			}
			t.Row(answer, terminal.Text(r.Action), terminal.Text(r.Resource), terminal.Text(r.Reason))
		}
		c.notes(t, rights)
	})
	if err == nil && !all {
		return exitError(exitFailed)
	}
	return err
}

// notes says what would change the answer.
func (c *canCommand) notes(t *terminal.Table, rights []view.Right) {
	missing := map[string]bool{}
	for i := range rights {
		for _, key := range rights[i].Missing {
			if !missing[key] {
				missing[key] = true
				t.Note("The answer can depend on " + terminal.Clean(key) + ". Give it with: --context " +
					terminal.Clean(key) + "=VALUE")
			}
		}
	}
	for i := range rights {
		if s := rights[i].Suggestion; s != "" {
			t.Note("This statement in a policy of " + terminal.Clean(c.Who) + " would allow it:\n" + s)
			return
		}
	}
}
