/* A token signed by a key that nobody has any more, and the public key to it. */
#ifndef KNOWN_TOKEN_H
#define KNOWN_TOKEN_H

#define KNOWN_TOKEN                                                                        \
    "eyJhbGciOiJFZERTQSIsImtpZCI6Im9uZSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5" \
    "leGFtcGxlIiwic3ViIjoicG9kIiwiYXVkIjpbImEiLCJrbXMiXSwiaWF0IjoxNzk1MzkyMDAwLCJleHAiOjE" \
    "3OTUzOTI2MDB9.0dVUiqFxOpOfShTVqAiybDBSJJYevynbR_F1c3PbqLOV6vPHdHgkbd8tFs18mLbZV2j9_x" \
    "jnuWRsGTzhiAlVCA"

#define KNOWN_JWKS                                                           \
    "{\"keys\":[{\"kty\":\"OKP\",\"kid\":\"one\",\"crv\":\"Ed25519\",\"x\":" \
    "\"3rF0CCsAyxrrxfObmkUAc_gdY0-7m"                                        \
    "sCvU5f6OvQngws\"}]}"

#define KNOWN_ISSUER   "https://issuer.example"
#define KNOWN_AUDIENCE "kms"
#define KNOWN_SUBJECT  "pod"

enum { KNOWN_ISSUED_S = 1795392000, KNOWN_EXPIRES_S = 1795392600 };

#endif
