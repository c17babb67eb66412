# METADATA
# title: Masking of decision logs
# description: |
#   What a line of the decision log leaves out: what callers and models wrote, and who the end user is. The rules see
#   all of it; only the log does not. A rule that reads one of these makes replayed lines that had it inconclusive.
package system.log

mask contains pointer if {
	some pointer in [
		"/input/metadata",
		"/input/net/ip",
		"/input/principal/claims",
		"/input/principal/user",
		"/input/request/metadata",
		"/input/tool/args",
		"/input/tool/args_errors",
	]
}
