/*
 * jwt_fault.c
 *		Reasons why a token is refused, as phrases.
 */
#include "identity/jwt_fault.h"

const char *
jwt_fault_text(JwtFault fault)
{
	static const char *const texts[] = {
		[JWT_OK] = "the token is valid",
		[JWT_FAULT_RULES] = "the issuer's rules are not complete",
		[JWT_FAULT_SIZE] = "the token is larger than 16 KiB",
		[JWT_FAULT_SEGMENTS] = "the token does not have three segments",
		[JWT_FAULT_ENCRYPTED] = "the token has five segments: it is encrypted, not signed",
		[JWT_FAULT_BASE64] = "a segment is not base64url without padding",
		[JWT_FAULT_HEADER_SYNTAX] = "the header is not a JSON object",
		[JWT_FAULT_HEADER_NESTING] = "the header is nested too deeply",
		[JWT_FAULT_HEADER_DUPLICATE] = "the header has a member twice",
		[JWT_FAULT_HEADER_MEMBER] = "the header has crit or b64, which change what a token means",
		[JWT_FAULT_HEADER_KEY] = "the header brings a key along (jwk)",
		[JWT_FAULT_TYPE] = "typ is not that of an access token",
		[JWT_FAULT_ALGORITHM_NONE] = "alg is none",
		[JWT_FAULT_ALGORITHM_SYMMETRIC] = "alg is symmetric",
		[JWT_FAULT_ALGORITHM] = "alg is missing or not that of the key",
		[JWT_FAULT_KID] = "kid is missing or malformed",
		[JWT_FAULT_KEY_UNKNOWN] = "kid is not that of a key of the issuer",
		[JWT_FAULT_SIGNATURE] = "the signature is wrong",
		[JWT_FAULT_CLAIMS_SYNTAX] = "the claims are not a JSON object",
		[JWT_FAULT_CLAIMS_NESTING] = "the claims are nested too deeply",
		[JWT_FAULT_CLAIMS_DUPLICATE] = "the claims have a member twice",
		[JWT_FAULT_ISSUER] = "iss is not the issuer",
		[JWT_FAULT_AUDIENCE] = "aud is missing or does not hold the audience",
		[JWT_FAULT_EXPIRY] = "exp is missing or malformed",
		[JWT_FAULT_EXPIRED] = "the token has expired",
		[JWT_FAULT_NOT_BEFORE] = "nbf is malformed",
		[JWT_FAULT_NOT_YET_VALID] = "the token is not valid yet",
		[JWT_FAULT_ISSUED_AT] = "iat is malformed",
		[JWT_FAULT_ISSUED_IN_FUTURE] = "the token was issued in the future",
		[JWT_FAULT_LIFETIME] = "the token lives longer than the issuer's may (max_lifetime)",
		[JWT_FAULT_REQUIRED] = "a required claim is missing or has another value",
		[JWT_FAULT_SUBJECT] = "sub is missing or malformed",
		[JWT_FAULT_PRINCIPAL] = "the claim for the principal is missing or malformed",
		[JWT_FAULT_TENANT] = "the claim for the tenant is malformed",
		[JWT_FAULT_ROLE] = "the claim for the role is malformed",
		[JWT_FAULT_ADDRESS] = "the claim for the address is malformed",
		[JWT_FAULT_GROUPS] = "the claim for the groups is not a list of strings",
		[JWT_FAULT_TOKEN_ID] = "jti is malformed",
		[JWT_FAULT_INTERNAL] = "the token could not be checked",
	};

	return texts[fault];
}
