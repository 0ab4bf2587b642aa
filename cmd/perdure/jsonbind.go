package main

import (
	"encoding/base64"
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// bind strictly fills the value that to points to from n. An object must have exactly the members
// that the tags of the struct name, except for members with omitempty. Names must match
// case-sensitively. An array must have the length of the Go array. A number must be an integer in
// range. A *node accepts any value.
func bind(n *node, to any) error { return bindTo(n, reflect.ValueOf(to).Elem()) }

func bindTo(n *node, v reflect.Value) error {
	if v.Type() == reflect.TypeFor[*node]() {
		v.Set(reflect.ValueOf(n))
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return bindTo(n, v.Elem())
	case reflect.Bool:
		v.SetBool(n.kind == yes)
		return n.is(yes, no)
	case reflect.String:
		v.SetString(n.text)
		return n.is(str)
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return bindInteger(n, v)
	case reflect.Slice, reflect.Array:
		return bindArray(n, v)
	case reflect.Map:
		return bindMap(n, v)
	}
	return bindStruct(n, v)
}

// is returns an error unless the node has one of the kinds.
func (n *node) is(kinds ...nodeKind) error {
	for _, k := range kinds {
		if n.kind == k {
			return nil
		}
	}
	return wrong(n.at, "want %v, found %v", kinds[0], n.kind)
}

func bindInteger(n *node, v reflect.Value) error {
	if err := n.is(number); err != nil {
		return err
	}
	var err error
	if v.Kind() == reflect.Uint64 {
		var u uint64
		u, err = strconv.ParseUint(n.text, 10, 64)
		v.SetUint(u)
	} else {
		var i int64
		i, err = strconv.ParseInt(n.text, 10, v.Type().Bits())
		v.SetInt(i)
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return wrong(n.at, "want a %d-bit integer, found one out of range", v.Type().Bits())
	case err != nil:
		return wrong(n.at, "want an integer, found another number")
	}
	return nil
}

func bindArray(n *node, v reflect.Value) error {
	if err := n.is(array); err != nil {
		return err
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), len(n.nodes), len(n.nodes)))
	}
	if v.Len() != len(n.nodes) {
		return wrong(n.at, "want an array of %d elements, found %d", v.Len(), len(n.nodes))
	}
	for i := range n.nodes {
		if err := bindTo(&n.nodes[i], v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func bindMap(n *node, v reflect.Value) error {
	if err := n.is(object); err != nil {
		return err
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.nodes)))
	for i := range n.nodes {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := bindTo(&n.nodes[i], element); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(n.names[i]), element)
	}
	return nil
}

func bindStruct(n *node, v reflect.Value) error {
	if err := n.is(object); err != nil {
		return err
	}
	found := 0
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		name, rest, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		member := n.member(name)
		if member == nil {
			if rest != "omitempty" {
				return wrong(n.at, "want the member %s, found none", name)
			}
			continue
		}
		found++
		if err := bindTo(member, v.Field(i)); err != nil {
			return err
		}
	}
	if found < len(n.nodes) {
		return wrong(n.at, "want only members that perdure dump prints, found %d more", len(n.nodes)-found)
	}
	return nil
}

// member returns the value of a member, or nil.
func (n *node) member(name string) *node {
	for i := range n.names {
		if n.names[i] == name {
			return &n.nodes[i]
		}
	}
	return nil
}

// equal reports whether two values are equal, independent of the order of members.
func (n *node) equal(m *node) bool {
	if n.kind != m.kind || n.text != m.text || len(n.nodes) != len(m.nodes) {
		return false
	}
	places := make(map[string]int, len(m.names))
	for i, name := range m.names {
		places[name] = i
	}
	for i := range n.nodes {
		j := i
		if n.kind == object {
			var ok bool
			if j, ok = places[n.names[i]]; !ok {
				return false
			}
		}
		if !n.nodes[i].equal(&m.nodes[j]) {
			return false
		}
	}
	return true
}

// strictBase64 decodes a text and accepts only one encoding for each sequence of bytes.
func strictBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("base64 contains a line end")
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}
