# What `inv connect --as rails` prints is database.yml: a migration's table, more statements than Rails keeps, a batch.
require "active_record"
require "erb"
require "yaml"

ENV["RAILS_ENV"] = "production"
ActiveRecord::Base.configurations = YAML.safe_load(ERB.new(File.read("database.yml")).result, aliases: true)

class Base < ActiveRecord::Base
  self.abstract_class = true
  connects_to database: { writing: :primary, reading: :primary_replica }
end

class RailsNote < Base; end

connection = Base.connection
connection.create_table(:rails_notes) { |table| table.string :text }
10.times { |number| RailsNote.create!(text: "note #{number}") }
RailsNote.transaction do
  1200.times { |number| RailsNote.where("id > #{number}").where(text: "none").to_a }
  RailsNote.find_each(batch_size: 3) { |note| note.update!(text: "seen") }
end
raise "rows are missing" unless RailsNote.where(text: "seen").count == 10
connection.drop_table(:rails_notes)
[:writing, :reading].each do |role|
  ActiveRecord::Base.connected_to(role: role) do
    puts Base.connection.select_rows("SELECT current_user, pg_is_in_recovery()").first.join(" ")
  end
end
