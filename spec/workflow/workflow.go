package workflow

// Workflow is a workflow file.
type Workflow struct {
	File     string
	Name     string
	Env      Node
	Defaults Node // of run: shell, working-directory
	// Inputs are those of workflow_dispatch; Call is what workflow_call declares, nil without it.
	Inputs []Input
	Call   *Call
	Jobs   []*Job // in the file's order
	// Ignored are parts that have no effect here.
	Ignored Errors
}

// Call is the interface of a workflow that others call.
type Call struct {
	Inputs  []Input
	Secrets []Input
	Outputs []Member // the value is an expression
}

// Input is declared by a workflow or an action.
type Input struct {
	Place
	Name       string
	Type       string // string, number, boolean, choice or environment; "" is string
	Default    Node
	Required   bool
	Deprecated string // a message for who sets it
}

// Job is a list of steps, or a call of another workflow.
type Job struct {
	Place
	ID              string
	Name            Node
	Needs           []string
	If              Node
	RunsOn          Node
	Env             Node
	Defaults        Node
	Outputs         Node
	Strategy        Node
	Steps           []Step
	Timeout         Node // in minutes
	ContinueOnError Node
	Container       Node
	Services        Node
	Environment     Node
	Uses            string // another workflow
	With            Node
	Secrets         Node
}

// Step runs a script or an action.
type Step struct {
	Place
	ID               string
	Name             Node
	If               Node
	Uses             string
	Run              Node
	Shell            Node
	WorkingDirectory Node
	With             Node
	Env              Node
	ContinueOnError  Node
	Timeout          Node // in minutes
}

// Job returns the job with an ID, nil if there is none.
func (w *Workflow) Job(id string) *Job {
	for _, j := range w.Jobs {
		if j.ID == id {
			return j
		}
	}
	return nil
}

// Wanted are the job with an ID and those that it needs, in the file's order; without an ID all.
func (w *Workflow) Wanted(id string) (all []*Job) {
	wanted := map[string]bool{}
	var want func(j *Job)
	want = func(j *Job) {
		if j == nil || wanted[j.ID] {
			return
		}
		wanted[j.ID] = true
		for _, n := range j.Needs {
			want(w.Job(n))
		}
	}
	want(w.Job(id))
	for _, j := range w.Jobs {
		if id == "" || wanted[j.ID] {
			all = append(all, j)
		}
	}
	return all
}

// Action is the file action.yml of an action.
type Action struct {
	File    string
	Name    string
	Inputs  []Input
	Outputs []Member // the value of a composite action's is an expression
	Runs    Runs
}

// Runs says what an action does. Using is composite, docker or node followed by a version.
type Runs struct {
	Place
	Using                          string
	Main, Pre, Post, PreIf, PostIf string
	Steps                          []Step
	Image                          string
	Entrypoint                     string
	PreEntrypoint, PostEntrypoint  string
	Args, Env                      Node
}
