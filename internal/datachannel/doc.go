// Package datachannel speaks the data channel of AWS Systems Manager's Session Manager: the protocol between the
// session-manager-plugin and the agent on a host, over a WebSocket. Agent is the end at the terminal, Client the end at
// the person, and a server relays the messages between the two.
//
// A client opens its WebSocket at the session's stream URL and sends the session's token as its first message, in JSON
// (Opening). All that follows are binary messages (Message). Each end numbers the messages of its stream from 0 and
// sends one again until the other end has acknowledged it. The agent begins with a handshake, in which it says what
// kind of session it is; then come the bytes of the terminal, and its size.
//
// Source of the format: the public source of session-manager-plugin and amazon-ssm-agent.
package datachannel
