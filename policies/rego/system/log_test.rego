# METADATA
# title: Tests of the masking of decision logs
# description: What never reaches a log.
package system.log_test

import data.system.log

test_arguments_are_masked if {
	"/input/tool/args" in log.mask
	"/input/tool/args_errors" in log.mask
}

test_the_end_user_is_masked if {
	"/input/principal/user" in log.mask
	"/input/principal/claims" in log.mask
	"/input/net/ip" in log.mask
}

test_labels_are_masked if {
	"/input/metadata" in log.mask
	"/input/request/metadata" in log.mask
}

test_what_chooses_the_rules_stays if {
	not "/input/action" in log.mask
	not "/input/principal/team" in log.mask
	not "/input/principal/app" in log.mask
}
