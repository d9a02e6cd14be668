/*
 * columns.h
 *		List the columns of vault_data.audit_log: AUDIT_COLUMN(ID, name, KIND, ...), in their order.
 *
 * The list is included several times, so it has no guard. It makes AUDIT_ID, the members of
 * AuditRow, the line that the MAC and the seals cover, the tuple, and the packed row of the ring.
 * A new column stands before mac: columns that are NULL are not in the line, so the lines of rows
 * that are there already stay as they are.
 *
 *	KIND			arguments		column, member; the value that stands for NULL
 *	UUID							uuid NOT NULL
 *	OPTIONAL_UUID	flag			uuid; flag is the member that says whether it is there
 *	ASSIGNED						bigint NOT NULL, set when the row is written
 *	XID								xid8 NOT NULL, set when the row is written
 *	TIME							timestamptz NOT NULL
 *	TEXT			place, size		text; NULL
 *	INET			place, size		inet, a text in C; NULL
 *	REST							text; NULL
 *	INT				absent			integer; absent
 *	BOOL							boolean NOT NULL
 *	JSONB							jsonb; 0. The ring does not carry it
 *	MAC								bytea; not in the line
 *
 * place, from 0 without gaps, is the turn in which a text gets room in the packed row, and size the
 * most bytes that it gets there. Texts that clients choose come last; REST takes what is left.
 */
AUDIT_COLUMN(TENANT_ID, tenant_id, UUID) /* the zero uuid stands for the instance */
AUDIT_COLUMN(ID, id, ASSIGNED)
AUDIT_COLUMN(AT, at, TIME)
AUDIT_COLUMN(XID, xid, XID) /* transaction that wrote the row */
AUDIT_COLUMN(TENANT, tenant, TEXT, 3, 255)
AUDIT_COLUMN(PRINCIPAL_ID, principal_id, OPTIONAL_UUID, has_principal)
AUDIT_COLUMN(PRINCIPAL, principal, TEXT, 4, 255)
AUDIT_COLUMN(ROLE, role, TEXT, 5, 255)
AUDIT_COLUMN(SESSION_ROLE, session_role, TEXT, 6, 255)
AUDIT_COLUMN(AUTHENTICATED_ROLE, authenticated_role, TEXT, 7, 255)
AUDIT_COLUMN(ADDRESS, address, INET, 8, 255)
AUDIT_COLUMN(PORT, port, INT, -1)
AUDIT_COLUMN(TLS, tls, BOOL)
AUDIT_COLUMN(APPLICATION_NAME, application_name, TEXT, 15, 255)
AUDIT_COLUMN(REQUEST_ID, request_id, TEXT, 14, 255)
AUDIT_COLUMN(OPERATION, operation, TEXT, 0, 255)
AUDIT_COLUMN(DECISION, decision, TEXT, 1, 255)
AUDIT_COLUMN(OBJECT_KIND, object_kind, TEXT, 2, 255)
AUDIT_COLUMN(OBJECT_ID, object_id, OPTIONAL_UUID, has_object)
AUDIT_COLUMN(SECRET, secret, TEXT, 12, 255)
AUDIT_COLUMN(ENVIRONMENT, environment, TEXT, 13, 255)
AUDIT_COLUMN(VERSION, version, INT, 0)
AUDIT_COLUMN(GRANT_ID, grant_id, OPTIONAL_UUID, has_grant)
AUDIT_COLUMN(REASON, reason, REST)
AUDIT_COLUMN(DETAIL, detail, JSONB)
AUDIT_COLUMN(SUBJECT, subject, TEXT, 9, 512)  /* subject of the token that the caller showed */
AUDIT_COLUMN(SERVICE, service, TEXT, 10, 255) /* service of the client certificate, as in a grant */
AUDIT_COLUMN(CLAIMED_ADDRESS, claimed_address, TEXT, 11, 255) /* stated by a verified token */
AUDIT_COLUMN(MAC, mac, MAC)
