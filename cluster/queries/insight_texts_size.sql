SELECT pods.texts_size() AS bytes
