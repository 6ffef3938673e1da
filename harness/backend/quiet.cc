// An addon that mutes standard error for a moment. TensorFlow's libraries write a line there while they are being
// loaded, before they look at any setting; loading is synchronous, so nothing else is lost meanwhile.
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

static int saved_stderr = -1;

static napi_value Mute(napi_env, napi_callback_info) {
  const int null_device = open("/dev/null", O_WRONLY);
  if (null_device < 0) return nullptr;
  saved_stderr = dup(STDERR_FILENO);
  dup2(null_device, STDERR_FILENO);
  close(null_device);
  return nullptr;
}

static napi_value Unmute(napi_env, napi_callback_info) {
  if (saved_stderr < 0) return nullptr;
  dup2(saved_stderr, STDERR_FILENO);
  close(saved_stderr);
  saved_stderr = -1;
  return nullptr;
}

NAPI_MODULE_INIT() {
  napi_value mute, unmute;
  napi_create_function(env, "mute", NAPI_AUTO_LENGTH, Mute, nullptr, &mute);
  napi_create_function(env, "unmute", NAPI_AUTO_LENGTH, Unmute, nullptr, &unmute);
  napi_set_named_property(env, exports, "mute", mute);
  napi_set_named_property(env, exports, "unmute", unmute);
  return exports;
}
