/*
 * rotation_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(ROTATION_SCHEDULE, .name = "rotation_schedule", .kind = "rotation schedule", .id = 2,
	  .covered = 9, .verified_as = "rotation_schedule", .object = "x.id",
	  .title = SECRET_NAME_OF_ROW,
	  .compared = "secret_id, every, rotator, config, time_window, overlap")
TABLE(ROTATION, .name = "rotation", .kind = "rotation", .id = 2, .covered = 8,
	  .verified_as = "rotation", .object = "x.id", .title = SECRET_NAME_OF_ROW,
	  .compared = "secret_id, step, version, previous, retire_at", .since = "x.started_at")
TABLE(ROTATION_ROLE, .name = "rotation_role", .kind = "rotation role", .id = 2, .covered = 3,
	  .verified_as = "rotation_role", .goes_by_name = true, .title = "x.role_name", .deleted_as = 6)
INDEX(ROTATION_NEXT, .name = "rotation_schedule_next")  /* (next_at) */
INDEX(ROTATION_ROLE, .name = "rotation_role_db_role")   /* (db_role) */
INDEX(ROTATION_SECRET, .name = "rotation_schedule_one") /* (tenant_id, secret_id) of schedules */
/* (tenant_id, secret_id, previous) of versions to be retired */
INDEX(ROTATION_RETIRE, .name = "rotation_retire")
