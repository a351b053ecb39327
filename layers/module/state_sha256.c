/* One number for the whole state: what two machines compare. */
#include "layers/module/state_dict.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tw_module_sha256 hashes elements as they lie in memory and promises little-endian bytes"
#endif

static enum tw_status digest_failed(void)
{
    return tw_fail(TW_ERROR_UNSUPPORTED, "sha256: libcrypto refused to compute a digest");
}

static enum tw_status hash_elements(EVP_MD_CTX *digest, const struct tw_tensor *tensor)
{
    struct tw_tensor *contiguous = NULL;
    bool hashed;

    if (!tw_tensor_is_contiguous(tensor)) {
        contiguous = tw_tensor_clone(tensor);
        if (contiguous == NULL) {
            return tw_error_status();
        }
        tensor = contiguous;
    }
    hashed = EVP_DigestUpdate(digest, tensor->data, tw_tensor_bytes(tensor));
    tw_tensor_release(contiguous);
    return hashed ? TW_OK : digest_failed();
}

static enum tw_status hash_item(EVP_MD_CTX *digest, const struct tw_state_item *item)
{
    const char *dtype = tw_dtype_name(item->tensor->dtype);
    char shape[TW_SHAPE_TEXT_BYTES];

    tw_shape_text(&item->tensor->shape, shape);
    if (!EVP_DigestUpdate(digest, item->name, strlen(item->name) + 1) ||
        !EVP_DigestUpdate(digest, dtype, strlen(dtype)) || !EVP_DigestUpdate(digest, shape, strlen(shape))) {
        return digest_failed();
    }
    return hash_elements(digest, item->tensor);
}

static enum tw_status finish(EVP_MD_CTX *digest, char text[TW_SHA256_TEXT_BYTES])
{
    unsigned char bytes[(TW_SHA256_TEXT_BYTES - 1) / 2];

    if (!EVP_DigestFinal_ex(digest, bytes, NULL)) {
        return digest_failed();
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    return TW_OK;
}

enum tw_status tw_module_sha256(const tw_module *self, char text[TW_SHA256_TEXT_BYTES])
{
    EVP_MD_CTX *digest = NULL;
    tw_state_dict state;
    enum tw_status status = tw_module_state_dict(self, &state);

    if (status != TW_OK) {
        return status;
    }
    digest = EVP_MD_CTX_new();
    if (digest == NULL || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL)) {
        status = digest_failed();
    }
    for (size_t i = 0; status == TW_OK && i < state.count; i++) {
        status = hash_item(digest, &state.items[i]);
    }
    if (status == TW_OK) {
        status = finish(digest, text);
    }
    EVP_MD_CTX_free(digest);
    tw_state_dict_release(&state);
    return status;
}
