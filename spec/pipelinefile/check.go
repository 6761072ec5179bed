package pipelinefile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	cp "slipway/api/codepipeline"
)

// Kind tells which of CodePipeline's errors a problem is.
type Kind int

// Kinds of problems.
const (
	Structure Kind = iota // InvalidStructureException
	Stage                 // InvalidStageDeclarationException
	Action                // InvalidActionDeclarationException
)

// Problem is something wrong with a pipeline's structure. Path says where, in the form in which AWS names members:
// stages.1.member.actions.2.member.configuration.
type Problem struct {
	Kind    Kind
	Path    string
	Message string
}

// Limits of "Quotas in CodePipeline".
const (
	minStages       = 2
	maxStages       = 50
	maxActions      = 500
	maxActionsStage = 50
	maxValue        = 50_000 // characters of a configuration value, as AWS's own message has it; the page says 1,000
)

// Check reports what is wrong with the structure of a pipeline, beyond what each member says for itself: all of it, in
// the order of the file. Source: "CodePipeline pipeline structure reference".
func Check(d *cp.PipelineDeclaration) []Problem {
	c := &checker{
		d:          d,
		made:       map[string]string{},
		stages:     map[string]bool{},
		namespaces: map[string]bool{},
		ran:        map[string]bool{},
	}
	c.run()
	return c.problems
}

type checker struct {
	d          *cp.PipelineDeclaration
	problems   []Problem
	made       map[string]string // artifact -> the action that makes it
	stages     map[string]bool
	namespaces map[string]bool // of all actions gone through
	ran        map[string]bool // namespaces of actions that surely ran before the present one
	total      int
}

func (c *checker) say(k Kind, path, format string, args ...any) {
	c.problems = append(c.problems, Problem{k, path, fmt.Sprintf(format, args...)})
}

func (c *checker) run() {
	d := c.d
	if (d.ArtifactStore == nil) == (len(d.ArtifactStores) == 0) {
		c.say(Structure, "artifactStore", "A pipeline must have either artifactStore or artifactStores, and not both")
	}
	if n := len(d.Stages); n < minStages || n > maxStages {
		c.say(Structure, "stages",
			"Pipeline has %d stage(s). There should be a minimum of %d and a maximum of %d stages in a pipeline", n,
			minStages, maxStages)
	}
	if d.PipelineType != cp.PipelineTypeV2 {
		c.onlyV2()
	}
	names := map[string]bool{}
	for i, v := range d.Variables {
		if v.Name != nil && names[*v.Name] {
			c.say(Structure, element("variables", i)+".name", "The variable %s is declared twice", *v.Name)
		}
		names[text(v.Name)] = true
	}
	for i := range d.Stages {
		c.stage(i)
	}
	if c.total > maxActions {
		c.say(Structure, "stages", "Pipeline has %d actions. There should be a maximum of %d actions in a pipeline",
			c.total, maxActions)
	}
}

// onlyV2 refuses in a V1 pipeline what needs type V2.
func (c *checker) onlyV2() {
	if m := c.d.ExecutionMode; m != "" && m != cp.ExecutionModeSuperseded {
		c.say(Structure, "executionMode", "Execution mode %s needs pipelineType V2", m)
	}
	if len(c.d.Triggers) > 0 {
		c.say(Structure, "triggers", "Triggers need pipelineType V2")
	}
	if len(c.d.Variables) > 0 {
		c.say(Structure, "variables", "Pipeline variables need pipelineType V2")
	}
}

func element(list string, i int) string { return list + "." + strconv.Itoa(i+1) + ".member" }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (c *checker) stage(i int) {
	s := &c.d.Stages[i]
	path := element("stages", i)
	name := text(s.Name)
	if c.stages[name] {
		c.say(Stage, path+".name", "A stage with the name %s exists already in this pipeline", name)
	}
	c.stages[name] = true
	if n := len(s.Actions); n == 0 || n > maxActionsStage {
		c.say(Stage, path+".actions",
			"Stage %s has %d action(s). There should be a minimum of 1 and a maximum of %d actions in a stage", name, n,
			maxActionsStage)
	}
	c.total += len(s.Actions)
	seen := map[string]bool{}
	// An artifact counts for later run orders of the stage, so the orders are gone through one after another.
	order := make([]int, len(s.Actions))
	for j := range order {
		order[j] = j
		if n := text(s.Actions[j].Name); seen[n] {
			c.say(Action, element(path+".actions", j)+".name", "An action with the name %s exists already in stage %s",
				n, name)
		} else {
			seen[n] = true
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(RunOrder(&s.Actions[a]) - RunOrder(&s.Actions[b])) })
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && RunOrder(&s.Actions[order[to]]) == RunOrder(&s.Actions[order[from]]) {
			to++
		}
		for _, j := range order[from:to] {
			c.inputs(&s.Actions[j], element(path+".actions", j))
		}
		for _, j := range order[from:to] {
			c.action(i, name, &s.Actions[j], element(path+".actions", j))
			c.references(name, &s.Actions[j], element(path+".actions", j))
		}
		for _, j := range order[from:to] {
			if n := s.Actions[j].Namespace; n != nil {
				c.ran[*n] = true
			}
		}
		from = to
	}
}

// RunOrder is the place of an action among those of its stage; 1 if it says none.
func RunOrder(a *cp.ActionDeclaration) int32 {
	if a.RunOrder == nil {
		return 1
	}
	return *a.RunOrder
}

func (c *checker) inputs(a *cp.ActionDeclaration, path string) {
	for k, in := range a.InputArtifacts {
		if n := text(in.Name); c.made[n] == "" {
			c.say(Action, element(path+".inputArtifacts", k)+".name",
				"Input Artifact Name %s in action %s must be the output artifact of an action that runs before it", n,
				text(a.Name))
		}
	}
}

// references checks the variables in an action's configuration: a namespace must be of an action that surely runs
// before, or one of CodePipeline's own. The words are AWS's.
func (c *checker) references(stage string, a *cp.ActionDeclaration, path string) {
	for _, key := range slices.Sorted(keysOf(a.Configuration)) {
		for _, v := range Variables(a.Configuration[key]) {
			missing := ""
			switch namespace, name := v[0], v[1]; {
			case namespace == "variables" && !c.declares(name):
				missing = "variable"
			case namespace == "codepipeline" && name != "PipelineExecutionId":
				missing = "variable"
			case namespace != "variables" && namespace != "codepipeline" && !c.ran[namespace]:
				missing = "namespace"
			default:
				continue
			}
			c.say(Action, path+".configuration."+key,
				"Valid format for a pipeline execution variable reference is a namespace and a key separated by a "+
					"period (.). "+
					"The following pipeline execution variables are referencing a %s that does not exist. "+
					"StageName=[%s], ActionName=[%s], ActionConfigurationKey=[%s], VariableReferenceText=[%s.%s]",
				missing, stage, text(a.Name), key, v[0], v[1])
		}
	}
}

// declares tells whether the pipeline has a variable.
func (c *checker) declares(name string) bool {
	return slices.ContainsFunc(
		c.d.Variables, func(v cp.PipelineVariableDeclaration) bool { return text(v.Name) == name })
}

func (c *checker) action(stage int, stageName string, a *cp.ActionDeclaration, path string) {
	name := text(a.Name)
	for k, out := range a.OutputArtifacts {
		n := text(out.Name)
		if by := c.made[n]; by != "" {
			c.say(Action, element(path+".outputArtifacts", k)+".name",
				"Output Artifact Name %s is made by action %s already: artifact names must be unique in a pipeline", n,
				by)
		}
		c.made[n] = name
	}
	if a.Namespace != nil {
		switch n := *a.Namespace; {
		case n == "codepipeline" || n == "variables":
			c.say(Action, path+".namespace", "The namespace %s is reserved", n)
		case c.namespaces[n]:
			c.say(Action, path+".namespace", "The namespace %s is used by another action already", n)
		default:
			c.namespaces[n] = true
		}
	}
	id := a.ActionTypeId
	if id == nil {
		return // its absence is a violation of the model
	}
	if isSource := id.Category == cp.ActionCategorySource; isSource != (stage == 0) {
		if isSource {
			c.say(Stage, path+".actionTypeId",
				"Stage %s has a source action: only the first stage may hold source actions", stageName)
		} else {
			c.say(Stage, path+".actionTypeId",
				"The first stage, %s, may hold source actions only: %s is of category %s", stageName, name, id.Category)
		}
	}
	t := Find(id)
	if t == nil {
		if id.Owner == cp.ActionOwnerAws {
			c.say(Action, path+".actionTypeId",
				"ActionType (Category: '%s', Provider: '%s', Owner: '%s', Version: '%s') in action '%s' is not "+
					"available",
				id.Category, text(id.Provider), id.Owner, text(id.Version), name)
		}
		return
	}
	c.typed(t, a, path)
}

// typed checks an action against its type.
func (c *checker) typed(t *ActionType, a *cp.ActionDeclaration, path string) {
	name := text(a.Name)
	if v := text(a.ActionTypeId.Version); v != t.Version && v != "2" {
		c.say(Action, path+".actionTypeId.version", "Action %s has version %s of %s, which has version %s", name, v,
			t.Provider, t.Version)
	}
	counts := func(list, what string, n int, least, most int32) {
		if n < int(least) || n > int(most) {
			c.say(Action, path+"."+list, "Action %s has %d %s artifact(s); %s takes from %d to %d", name, n, what,
				t.Provider, least, most)
		}
	}
	counts("inputArtifacts", "input", len(a.InputArtifacts), t.MinIn, t.MaxIn)
	counts("outputArtifacts", "output", len(a.OutputArtifacts), t.MinOut, t.MaxOut)
	for _, k := range t.Keys {
		if k.Required && a.Configuration[k.Name] == "" {
			c.say(Action, path+".configuration",
				"Action configuration for action '%s' is missing required configuration '%s'", name, k.Name)
		}
	}
	for _, k := range slices.Sorted(keysOf(a.Configuration)) {
		at := path + ".configuration." + k
		if t.Key(k) == nil {
			c.say(Action, at, "Action configuration for action '%s' contains unknown configuration '%s'%s", name, k,
				nearest(k, t.Keys))
		}
		if len([]rune(a.Configuration[k])) > maxValue {
			c.say(Action, at, "The value of '%s' in action '%s' is longer than %d characters", k, name, maxValue)
		}
	}
	c.values(t, a, path)
}

// values checks what configuration values must look like.
func (c *checker) values(t *ActionType, a *cp.ActionDeclaration, path string) {
	name, at := text(a.Name), path+".configuration."
	boolean := func(key string) {
		if v, ok := a.Configuration[key]; ok && !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") &&
			len(Variables(v)) == 0 {
			c.say(Action, at+key, "The value of '%s' in action '%s' must be true or false, not %q", key, name, v)
		}
	}
	for _, key := range []string{"PollForSourceChanges", "DetectChanges", "Extract", "BatchEnabled",
		"CombineArtifacts"} {
		boolean(key)
	}
	if t.Category == cp.ActionCategoryDeploy && t.Provider == "S3" &&
		strings.EqualFold(a.Configuration["Extract"], "false") && a.Configuration["ObjectKey"] == "" {
		c.say(Action, path+".configuration",
			"Action configuration for action '%s' is missing required configuration 'ObjectKey': it is needed when "+
				"Extract is false", name)
	}
	if t.Provider == "CodeBuild" && len(a.InputArtifacts) > 1 && a.Configuration["PrimarySource"] == "" {
		c.say(Action, path+".configuration",
			"Action configuration for action '%s' is missing required configuration 'PrimarySource': it is needed "+
				"with several input artifacts", name)
	}
	if p := a.Configuration["PrimarySource"]; t.Provider == "CodeBuild" && p != "" && len(Variables(p)) == 0 &&
		!takes(a, p) {
		c.say(Action, at+"PrimarySource",
			"The value of 'PrimarySource' in action '%s', %q, is not the name of one of its input artifacts", name, p)
	}
	if v, ok := a.Configuration["EnvironmentVariables"]; ok && t.Provider == "CodeBuild" {
		if _, err := EnvironmentVariables(v); err != nil {
			c.say(Action, at+"EnvironmentVariables", "The value of 'EnvironmentVariables' in action '%s': %v", name,
				err)
		}
	}
	if t.Provider == "CodeCommit" && a.Configuration["RepositoryName"] != "" &&
		len(Variables(a.Configuration["RepositoryName"])) == 0 &&
		!repositoryName().MatchString(a.Configuration["RepositoryName"]) {
		c.say(Action, at+"RepositoryName", "%q in action '%s' is no name of a repository",
			a.Configuration["RepositoryName"], name)
	}
}

// takes tells whether an action has an input artifact.
func takes(a *cp.ActionDeclaration, artifact string) bool {
	return slices.ContainsFunc(a.InputArtifacts, func(in cp.InputArtifact) bool { return text(in.Name) == artifact })
}

var repositoryName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w.-]{1,100}$`) })
