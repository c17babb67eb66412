# METADATA
# title: Lists of names
# description: |
#   Answers whether a list of the organisation's data grants a name. An entry is a name, the beginning of one followed
#   by `*`, or `*` alone; a `*` elsewhere is an ordinary letter. A list of any other shape grants nothing.
package lib.names

granted(list, name) if {
	is_string(name)
	some entry in texts(list)
	matches(entry, name)
}

# Entries that are no text match nothing, rather than fail.
texts(list) := [entry | some entry in list; is_string(entry)] if is_array(list)

matches(entry, name) if entry == name

matches(entry, name) if {
	endswith(entry, "*")
	startswith(name, trim_suffix(entry, "*"))
}
