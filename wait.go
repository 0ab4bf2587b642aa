package perdure

import (
	"bytes"
	"context"

	"github.com/perduredb/perdure/internal/resp"
)

// WaitPopFront removes the first element and returns it. If the list is empty, it waits until an
// element is added, however that happens: by a push, or because another list gets the key.
//
// All callers and all clients of a server that wait for elements of a list form one queue: each
// element goes to the one that has waited longest, and never to a later [List.PopFront]. While
// WaitPopFront waits, it holds no lock.
//
// If ctx ends first, WaitPopFront returns the error of ctx and has removed nothing. If the store
// is closed, it returns [ErrClosed]. In a Tx it does not wait, and returns [ErrNotFound] if the
// list is empty.
func (l List) WaitPopFront(ctx context.Context) ([]byte, error) {
	return l.command("BLPOP").string("0").waitElement(ctx)
}

// WaitPopBack is like [List.WaitPopFront], but removes the last element.
func (l List) WaitPopBack(ctx context.Context) ([]byte, error) {
	return l.command("BRPOP").string("0").waitElement(ctx)
}

// WaitPopMin removes the first member and returns it. If the sorted set is empty, it waits until a
// member is added. See [List.WaitPopFront] for the order of those that wait, and for the errors.
func (z SortedSet) WaitPopMin(ctx context.Context) (Member, error) {
	return z.command("BZPOPMIN").string("0").waitMember(ctx)
}

// WaitPopMax is like [SortedSet.WaitPopMin], but removes the last member.
func (z SortedSet) WaitPopMax(ctx context.Context) (Member, error) {
	return z.command("BZPOPMAX").string("0").waitMember(ctx)
}

// waitElement executes a command that replies with a key and an element, and returns a copy of the
// element.
func (c *command) waitElement(ctx context.Context) ([]byte, error) {
	defer c.free()
	v, err := c.waitReply(ctx)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(v.Elements[1].Text), nil
}

// waitMember executes a command that replies with a key, a member, and its score.
func (c *command) waitMember(ctx context.Context) (Member, error) {
	defer c.free()
	v, err := c.waitReply(ctx)
	if err != nil {
		return Member{}, err
	}
	return memberOf(v.Elements[1:]), nil
}

// waitReply executes a blocking command, unless ctx has ended.
func (c *command) waitReply(ctx context.Context) (resp.Value, error) {
	if err := ctx.Err(); err != nil {
		return resp.Value{}, err
	}
	return c.wait(ctx)
}
