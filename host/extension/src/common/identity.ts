/**
 * The names under which extension and host find each other.
 *
 * The id follows from `key` in manifest.json; native-messaging manifests name it in
 * `allowed_origins`.
 */
export const EXTENSION_ID = "kepipcjeincbnalidfmembklkfafebce";

/** Name of the host in its native-messaging manifest. */
export const HOST_NAME = "org.nearside.host";
