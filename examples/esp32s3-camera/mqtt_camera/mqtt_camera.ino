// Publishes a JPEG of the camera for `onnxnn serve --mqtt`, and prints the results.
// Arduino IDE: board "ESP32S3 Dev Module", PSRAM enabled; library PubSubClient 2.8 or newer.
#include <PubSubClient.h>
#include <WiFi.h>
#include <esp_camera.h>

const char *WIFI_NAME = "school";
const char *WIFI_PASSWORD = "password";
const char *BROKER = "192.168.1.5";
const int PORT = 1883;
const char *USER = "siot";
const char *PASSWORD = "dfrobot";
const char *CLIENT = "esp32s3-camera";  // another name for each board
const char *TOPIC = "school/camera";
const char *RESULT_TOPIC = "school/result";

WiFiClient network;
PubSubClient mqtt(network);

void onResult(char *topic, byte *data, unsigned int length) {
  Serial.write(data, length);
  Serial.println();
}

// GPIO numbers of the ESP32-S3-EYE and boards like it; others stand in camera_pins.h of the example CameraWebServer.
bool startCamera() {
  camera_config_t config = {};
  config.pin_pwdn = -1;
  config.pin_reset = -1;
  config.pin_xclk = 15;
  config.pin_sccb_sda = 4;
  config.pin_sccb_scl = 5;
  config.pin_d0 = 11;
  config.pin_d1 = 9;
  config.pin_d2 = 8;
  config.pin_d3 = 10;
  config.pin_d4 = 12;
  config.pin_d5 = 18;
  config.pin_d6 = 17;
  config.pin_d7 = 16;
  config.pin_vsync = 6;
  config.pin_href = 7;
  config.pin_pclk = 13;
  config.xclk_freq_hz = 20000000;
  config.ledc_timer = LEDC_TIMER_0;
  config.ledc_channel = LEDC_CHANNEL_0;
  config.pixel_format = PIXFORMAT_JPEG;
  config.frame_size = FRAMESIZE_QVGA;  // 320 x 240: about 10 KB
  config.jpeg_quality = 12;
  config.fb_count = 2;
  config.fb_location = CAMERA_FB_IN_PSRAM;
  config.grab_mode = CAMERA_GRAB_LATEST;
  return esp_camera_init(&config) == ESP_OK;
}

void setup() {
  Serial.begin(115200);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) delay(500);
  if (!startCamera()) Serial.println("no camera");
  mqtt.setServer(BROKER, PORT);
  mqtt.setCallback(onResult);
  mqtt.setBufferSize(2048);  // for results: longer ones than this are dropped. Images need no buffer.
}

void loop() {
  if (!mqtt.connected()) {
    if (!mqtt.connect(CLIENT, USER, PASSWORD)) {
      delay(2000);
      return;
    }
    mqtt.subscribe(RESULT_TOPIC, 1);
  }
  static unsigned long last = 0;
  if (millis() - last > 2000) {
    last = millis();
    camera_fb_t *frame = esp_camera_fb_get();
    if (frame != nullptr) {
      mqtt.beginPublish(TOPIC, frame->len, false);  // publish() would need a buffer as large as the image
      mqtt.write(frame->buf, frame->len);
      mqtt.endPublish();
      esp_camera_fb_return(frame);
    }
  }
  mqtt.loop();
}
