package event

import "slipway/internal/forge"

// Facts that the stages publish.
var (
	// Pushed is a branch or tag that moved. Its key has the repository's ID, the ref and both objects.
	Pushed = Topic[Push]{"push"}
	// BuildEnded is a build that ended. Its key is the build's ID.
	BuildEnded = Topic[Ended]{"build-ended"}
	// BatchEnded is a batch of builds that ended, once more after each retry. Its key is the batch's ID.
	BatchEnded = Topic[Ended]{"batch-ended"}
	// JobEnded is a job of a job worker that ended. Its key is the action execution, which may go on in another job.
	JobEnded = Topic[Ended]{"job-ended"}
	// JenkinsBuild is a build of Jenkins that moved on or ended. Its key is the action execution.
	JenkinsBuild = Topic[Ended]{"jenkins-build"}
	// DeploymentEnded is a deployment that ended. Its key is the deployment's ID.
	DeploymentEnded = Topic[Ended]{"deployment-ended"}
	// ReleaseEnded is a release that ended. Its key is the ID of its deployment.
	ReleaseEnded = Topic[ReleaseEnd]{"release-ended"}
	// AlarmChanged is an alarm whose state changed. Its key has the name and the state.
	AlarmChanged = Topic[Alarm]{"alarm-changed"}
	// ObjectWritten is a new version of an object. Its key has the bucket, the key and the version.
	ObjectWritten = Topic[Object]{"object-written"}
	// ObjectChanged is anything that happened to an object. Its key is its ID.
	ObjectChanged = Topic[ObjectChange]{"object-changed"}
	// RepositoryChanged is an event of a repository of a connection. Its key has the connection's ID and the number of
	// the delivery that told of it.
	RepositoryChanged = Topic[RepositoryChange]{"repository-changed"}
	// ExecutionMoved is an execution of a pipeline that began, ended or took its source. Its key is the execution's ID.
	ExecutionMoved = Topic[Execution]{"execution-moved"}
	// Noticed is a message for a topic of SNS that somebody named in a setting. Its key says what it is about.
	Noticed = Topic[Notice]{"noticed"}
)

// Push is a branch or tag that moved.
type Push struct {
	Repository string `json:"repository"` // its name
	Ref        string `json:"ref"`        // refs/heads/…, refs/tags/…
	Old        string `json:"old"`        // the object before; "" for a new ref
	New        string `json:"new"`        // the object now; "" for a deleted ref
}

// Ended is a build or a deployment that ended. Status is one of its service's.
type Ended struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

// ReleaseEnd is how a release ended. A promoted release can be rolled back later, and then ends again.
type ReleaseEnd struct {
	Deployment string `json:"deployment"`         // its ID
	Promoted   bool   `json:"promoted,omitempty"` // all traffic is on the new version
	ByHand     bool   `json:"byHand,omitempty"`   // a person asked for the rollback
	Reason     string `json:"reason,omitempty"`   // in words
}

// Alarm is an alarm in a new state: OK, ALARM or INSUFFICIENT_DATA.
type Alarm struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// Object is a version of an object.
type Object struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version"` // "null" in a bucket without versions
}

// ObjectChange is what happened to an object, in the words of S3's event notifications.
type ObjectChange struct {
	ID      string `json:"id"`
	Event   string `json:"event"` // ObjectCreated:Put, ObjectRemoved:Delete, …
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version"`
	Size    int64  `json:"size"`
	ETag    string `json:"etag"`
	At      int64  `json:"at"`             // in milliseconds
	By      string `json:"by,omitempty"`   // the ID of who did it
	From    string `json:"from,omitempty"` // the address of the request
}

// RepositoryChange is an event of a repository of a connection.
type RepositoryChange struct {
	Connection string      `json:"connection"` // its ID
	Delivery   int64       `json:"delivery"`   // its number among those of the connection
	Event      forge.Event `json:"event"`
}

// Execution is an execution of a pipeline.
type Execution struct {
	Pipeline string `json:"pipeline"`
	ID       string `json:"id"`
}

// Notice is a message for a topic. A service publishes it with the rights of a role, or, without one, by itself: then
// the policy of the topic must let it.
type Notice struct {
	Topic   string `json:"topic"` // an ARN
	Subject string `json:"subject"`
	Text    string `json:"text"`
	Service string `json:"service,omitempty"` // codedeploy.amazonaws.com
	Source  string `json:"source,omitempty"`  // what it is about, as the topic's policy names it: an ARN
	Role    string `json:"role,omitempty"`
	OwnRole string `json:"ownRole,omitempty"` // of an action, which Role assumes
	Session string `json:"session,omitempty"` // of the role
}
